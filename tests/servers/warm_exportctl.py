"""exportctl, imported once with all of its commands, as long as the tests of this process last."""

import asyncio
import os
from asyncio.subprocess import PIPE
from functools import cache

from exportd_client.cli.program import COMMANDS
from tests.patience import PATIENCE_S
from tests.servers.warm import Started, WarmProgram


@cache
def warm_exportctl() -> WarmProgram:
    """Started when it is asked for first."""
    places = [place for commands in COMMANDS.values() for place, _ in commands.values()]
    modules = {f"exportd_client.cli.{place.partition(':')[0]}" for place in places}
    return WarmProgram("exportd_client.cli", [*sorted(modules), "exportd_client.cli.suggested"])


async def exportctl(target: str, *words: str, **environ: str) -> tuple[int | None, str, str]:
    """Exit code, stdout, stderr."""
    process = await begun(target, *words, **environ)
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def begun(target: str, *words: str, **environ: str) -> Started:
    """As exportctl, of a process that goes on."""
    environ = {**os.environ, "EXPORTD_TARGET": target, **environ}
    return await warm_exportctl().start(*words, env=environ, stdout=PIPE, stderr=PIPE)


def close() -> None:
    """Of a program that was started."""
    if warm_exportctl.cache_info().currsize:
        warm_exportctl().close()
