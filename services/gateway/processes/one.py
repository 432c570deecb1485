"""One of several gateway processes. It stops, as after SIGTERM, when its standard input ends."""

import os
import sys
from functools import partial

from services.runtime.early_signals import EarlySignals


def main() -> None:
    """Serve as the process whose number is the argument. Exits like `exportd-gateway`."""
    early = EarlySignals().install()
    from services.runtime import stderr  # noqa: PLC0415 - signals are noted first

    stderr.install()
    from services.gateway.__main__ import program  # noqa: PLC0415 - as above

    sys.exit(program(early, partial(_serve, int(sys.argv[1]), early)).run([]))


def _serve(index: int, early: EarlySignals) -> int:
    from services.gateway import app  # noqa: PLC0415 - as above
    from services.gateway.settings import from_env  # noqa: PLC0415 - as above

    return app.main(from_env(os.environ).of_process(index), early)


if __name__ == "__main__":
    main()
