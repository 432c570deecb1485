"""exportd-worker: builds the files. `exportd-worker introspect SOURCE` drafts a catalog.

Children import this module too, when they start: it must stay light.
"""

import os
import sys


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    if sys.argv[1:2] == ["introspect"]:
        from services.worker.sources.introspect import command as introspect  # noqa: PLC0415 - see above

        sys.exit(introspect.run(sys.argv[2:], os.environ, sys.stdout, sys.stderr))
    from services.worker import app  # noqa: PLC0415 - see above

    sys.exit(app.main(os.environ))


if __name__ == "__main__":
    main()
