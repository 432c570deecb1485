"""exportd-api: serves ExportService and JobQueueService.

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
    from services.api.settings import ApiSettings  # noqa: PLC0415 - see above

    settings = ApiSettings.from_env(os.environ)
    if settings.processes > 1:
        from services.api.processes import several  # noqa: PLC0415 - it needs no more than that

        return several.main(settings, os.environ, early)
    from services.api import app  # noqa: PLC0415 - see above

    return app.main(settings, early)


def _catalog(arguments: Sequence[str]) -> int:
    from services.api.commands import catalog  # noqa: PLC0415 - see above

    return catalog.run(arguments, os.environ, sys.stdout, sys.stderr)


def _callback_secret(arguments: Sequence[str]) -> int:
    from services.api.commands import callback_secret  # noqa: PLC0415 - see above

    return callback_secret.run(arguments, os.environ, sys.stdout, sys.stderr)


def _keys(arguments: Sequence[str]) -> int:
    from services.api.commands import keys  # noqa: PLC0415 - see above

    return keys.run(arguments, os.environ, sys.stdout, sys.stderr)


def _dev_certificates(arguments: Sequence[str]) -> int:
    from services.api.commands import dev_certificates  # noqa: PLC0415 - see above

    return dev_certificates.run(arguments, os.environ, sys.stdout, sys.stderr)


def _migrate(arguments: Sequence[str]) -> int:
    from services.api.commands import migrate  # noqa: PLC0415 - see above

    return migrate.run(arguments, os.environ, sys.stdout)


def _backup(arguments: Sequence[str]) -> int:
    from services.api.commands import backup  # noqa: PLC0415 - see above

    return backup.run(arguments, os.environ, sys.stdout)


def _doctor(arguments: Sequence[str]) -> int:
    from services.api.commands import doctor  # noqa: PLC0415 - see above

    return doctor.run(arguments, os.environ, sys.stdout)


def _rotate_key(arguments: Sequence[str]) -> int:
    from services.api.commands import rotate_key  # noqa: PLC0415 - see above

    return rotate_key.run(arguments, os.environ, sys.stdout, sys.stderr)


def _health(arguments: Sequence[str]) -> int:
    from services.api.commands import health  # noqa: PLC0415 - see above

    return health.run(arguments, os.environ, sys.stdout)


def program(early: EarlySignals, serve: Callable[[], int] | None = None) -> "Program":
    """Return the commands and the service, which takes over the signals that have already arrived.

    `serve` replaces the service.
    """
    from services.api.settings_help import HELP  # noqa: PLC0415 - see above
    from services.runtime.command_line import Command, Program  # noqa: PLC0415 - see above

    return Program(
        name="exportd-api",
        purpose="Serves exports to callers and jobs to workers, over gRPC.",
        extra="api",
        commands=(
            Command("keys", "create, list and revoke API keys and worker tokens", _keys),
            Command("dev-certificates", "create certificates to try TLS with", _dev_certificates),
            Command("catalog", "check or show a catalog file, or print its JSON Schema", _catalog),
            Command("callback-secret", "print the secret with which a receiver verifies callbacks", _callback_secret),
            Command("backup", "copy the SQLite database, also while an api uses it", _backup),
            Command("doctor", "check settings, files, database, artifact store and certificates", _doctor),
            Command("health", "ask a running api whether it serves", _health),
            Command("rotate-key", "replace the server's key by a new one, in steps", _rotate_key),
            Command("migrate", "bring the schema of the database up to date", _migrate),
        ),
        serve=serve or partial(_serve, early),
        needs=("sqlalchemy",),
        settings=HELP,
    )


if __name__ == "__main__":
    main()
