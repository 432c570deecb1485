"""exportd-worker builds the files.

`exportd-worker introspect SOURCE` drafts a catalog; `exportd-worker check` compares a catalog with the sources. Heavy
modules are imported only after signals are recorded and the command line is read. Children import this module as well
when they start.
"""

import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from services.runtime.early_signals import EarlySignals
from services.runtime.interpreter import dataclass_methods, garbage

if TYPE_CHECKING:
    from services.runtime.command_line import Program


def main() -> None:
    """Run until SIGTERM or SIGINT, or run a command. Exits with 2 when it cannot start."""
    arguments = sys.argv[1:]
    early = EarlySignals() if arguments else EarlySignals().install()
    garbage.spare_start()
    dataclass_methods.install()
    from services.runtime import stderr  # noqa: PLC0415 - see above

    stderr.install()
    sys.exit(program(early).run(arguments))


def _serve(early: EarlySignals) -> int:
    from services.worker import starting  # noqa: PLC0415 - see above

    begun = starting.begin(os.environ)
    from services.worker import app  # noqa: PLC0415 - the server of the children imports meanwhile

    return app.main(begun, early)


def _introspect(arguments: Sequence[str]) -> int:
    from services.worker.sources.introspect import command  # noqa: PLC0415 - see above

    return command.run(arguments, os.environ, sys.stdout, sys.stderr)


def _check(arguments: Sequence[str]) -> int:
    from services.worker.check import command  # noqa: PLC0415 - see above

    return command.run(arguments, os.environ, sys.stdout, sys.stderr)


def _health(arguments: Sequence[str]) -> int:
    from services.worker import health  # noqa: PLC0415 - see above

    return health.run(arguments, os.environ, sys.stdout)


def program(early: EarlySignals) -> "Program":
    """Return the program: its commands, and the service, which takes over the signals that arrived early."""
    from services.runtime.command_line import Command, Program  # noqa: PLC0415 - see above
    from services.worker.settings_help import HELP  # noqa: PLC0415 - see above

    return Program(
        name="exportd-worker",
        purpose="Leases jobs from an api, reads the sources, writes the files.",
        extra="worker",
        commands=(
            Command("introspect", "print a first draft of a catalog from a live source", _introspect),
            Command("health", "ask a running worker whether it is ready", _health),
            Command("check", "connect to every source, and compare a catalog with them", _check),
        ),
        serve=partial(_serve, early),
        settings=HELP,
        needs=("duckdb", "polars", "pyarrow"),
    )


if __name__ == "__main__":
    main()
