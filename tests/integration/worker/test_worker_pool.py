"""Children and their supervisor, as processes."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager

import psutil

from tests.patience import PATIENCE_S

COMMAND = (sys.executable, "-m", "tests.integration.worker.lone_supervisor")


@asynccontextmanager
async def supervisor(order: str, **environ: str):
    process = await asyncio.create_subprocess_exec(
        *COMMAND, order, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environ}
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def child_of(process) -> psutil.Process:
    line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode()
    assert line.startswith("child: ")
    return psutil.Process(int(line.split()[1]))


async def test_a_child_dies_with_its_supervisor_even_by_kill_9_and_amid_work() -> None:
    async with supervisor("spin") as process:
        child = await child_of(process)
        process.kill()
        await process.wait()
        await asyncio.to_thread(child.wait, 30)


async def test_a_child_does_not_heed_the_signals_of_its_terminal() -> None:
    async with supervisor("spin") as process:
        child = await child_of(process)
        for number in (signal.SIGINT, signal.SIGTERM):
            child.send_signal(number)
        await asyncio.sleep(0.1)  # a signal that is not heeded leaves nothing to wait for
        assert child.is_running()
        assert child.status() != psutil.STATUS_ZOMBIE


async def test_a_child_sees_nothing_of_the_environment_that_could_be_secret() -> None:
    async with supervisor("environment", EXPORTD_SOURCE_PASSWORD="hunter2") as process:
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    answer = output.decode().partition("answer:")[2]
    assert "PATH=" in answer
    assert "hunter2" not in answer
