"""exportctl: exports from a shell. `main` runs the program."""

import sys
from typing import Any

_OF_THE_EXTRA = frozenset({"click", "rich"})


def main(**attributes: Any) -> None:
    """Run exportctl. This ends the process."""
    try:
        from exportd_client.cli.program import main as run  # noqa: PLC0415 - its requirements may not be installed

        run(**attributes)  # loads each command when it is called
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _OF_THE_EXTRA:
            raise
        sys.stderr.write(f"exportctl needs pip install 'exportd-client[cli]': there is no {missing.name}\n")
        sys.exit(2)
