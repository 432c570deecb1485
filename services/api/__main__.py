"""exportd-api: serves ExportService and JobQueueService.

`exportd-api catalog …` looks at a catalog file, `exportd-api callback-secret TENANT` shows what signs callbacks.
"""

import os
import sys

import uvloop

from services.api.app import build, callback_secrets, run
from services.api.commands import callback_secret
from services.api.commands import catalog as command
from services.api.settings import ApiSettings
from services.api.world import World
from services.runtime import logs
from services.runtime.signals import StopSignals
from services.runtime.startup import CannotStart


def main() -> None:
    """Run the api until SIGTERM or SIGINT; exits with 2 when it cannot start."""
    if sys.argv[1:2] == ["catalog"]:
        sys.exit(command.run(sys.argv[2:], os.environ, sys.stdout, sys.stderr))
    try:
        settings = ApiSettings.from_env(os.environ)
        if sys.argv[1:2] == ["callback-secret"]:
            callback_secret.run(sys.argv[2:], callback_secrets(settings), sys.stdout)
            return
        logs.configure("api", settings.log_format)
        uvloop.run(_run(settings))
    except (CannotStart, OSError) as problem:
        sys.stderr.write(f"exportd-api cannot start:\n{problem}\n")
        sys.exit(2)


async def _run(settings: ApiSettings) -> None:
    stop = StopSignals().install()
    async with await build(settings, World()) as api:
        await run(api, stop, _say_ports)


def _say_ports(port: int, queue_port: int) -> None:
    logs.get().info("serving", port=port, queue_port=queue_port)


if __name__ == "__main__":
    main()
