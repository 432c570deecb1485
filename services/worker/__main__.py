"""exportd-worker: builds the files.

Children import this module too, when they start: it must stay light.
"""

import os
import sys


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    from services.worker import app  # noqa: PLC0415 - see above

    sys.exit(app.main(os.environ))


if __name__ == "__main__":
    main()
