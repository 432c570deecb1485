"""exportd-gateway: serves the public API over HTTP.

Large modules are imported only after signal handlers are installed and the command line is parsed.
"""

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from services.runtime.early_signals import EarlySignals
from services.runtime.interpreter import dataclass_methods, garbage

if TYPE_CHECKING:
    from services.runtime.command_line import Program


def main() -> None:
    """Serve until SIGTERM or SIGINT, or run a command. Exits with 2 if it cannot start."""
    arguments = sys.argv[1:]
    early = EarlySignals() if arguments else EarlySignals().install()
    garbage.spare_start()
    dataclass_methods.install()
    from services.runtime import stderr  # noqa: PLC0415 - see above

    stderr.install()
    sys.exit(program(early).run(arguments))


def _serve(early: EarlySignals) -> int:
    from services.gateway.settings import from_env  # noqa: PLC0415 - see above

    settings = from_env(os.environ)
    if settings.processes > 1:
        from services.gateway.processes import several  # noqa: PLC0415 - it needs no more than that

        return several.main(settings, os.environ, early)
    from services.gateway import app  # noqa: PLC0415 - see above

    return app.main(settings, early)


def _health(arguments: Sequence[str]) -> int:
    from services.gateway import health  # noqa: PLC0415 - see above

    return health.run(arguments, os.environ, sys.stdout)


def program(early: EarlySignals, serve: Callable[[], int] | None = None) -> "Program":
    """Return the commands and the service, which takes over the signals that have already arrived.

    `serve` replaces the service.
    """
    from services.gateway.settings_help import HELP  # noqa: PLC0415 - see above
    from services.runtime.command_line import Command, Program  # noqa: PLC0415 - see above

    return Program(
        name="exportd-gateway",
        purpose="Serves the public API over HTTP, as a client of exportd-api.",
        extra="gateway",
        commands=(Command("health", "ask a running gateway whether it reaches the api", _health),),
        serve=serve or partial(_serve, early),
        settings=HELP,
    )


if __name__ == "__main__":
    main()
