"""Children and their supervisor, as processes."""

import asyncio
import gc
import os
import signal
import sys
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.contract.outcome import Failure
from services.runtime.startup import CannotStart
from services.worker.order import PreviewOrder
from services.worker.sources.sources import Sources
from services.worker.supervisor import pool as children
from services.worker.supervisor.pool import Pool
from tests.integration.worker import child_jobs
from tests.integration.worker.rig import named
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


async def test_a_child_is_what_the_kernel_kills_when_memory_is_short_and_not_its_supervisor() -> None:
    async with supervisor("spin") as process:
        child = await child_of(process)
        assert oom_score_adj(child.pid) == 500
        assert oom_score_adj(process.pid) == oom_score_adj(os.getpid())


def oom_score_adj(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


async def test_a_child_sees_nothing_of_the_environment_that_could_be_secret() -> None:
    async with supervisor("environment", EXPORTD_SOURCE_PASSWORD="hunter2") as process:
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    answer = output.decode().partition("answer:")[2]
    assert "PATH=" in answer
    assert "hunter2" not in answer


async def test_a_pool_that_closes_starts_no_child_for_the_one_that_was_cut_off(tmp_path: Path) -> None:
    """As the worker ends: what runs is cancelled, and not waited for before the pool closes."""
    broken, started = list[dict[str, Any]](), tmp_path / "started"
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context))
    order, begun = PreviewOrder(named("tick"), 1, "reference", Sources({})), asyncio.Event()
    async with Pool(1, child_jobs.run, partial(child_jobs.warm_and_note, started), []) as pool:
        running = asyncio.create_task(pool.run(order, lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), PATIENCE_S)
        running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert len(started.read_text().splitlines()) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()  # a task whose defect nobody heard tells it then
    assert broken == []


async def test_an_order_that_nobody_cancelled_ends_with_the_pool() -> None:
    order, begun = PreviewOrder(named("tick"), 1, "reference", Sources({})), asyncio.Event()
    async with Pool(1, child_jobs.run, child_jobs.warm, []) as pool:
        running = asyncio.create_task(pool.run(order, lambda _: begun.set()))
        await asyncio.wait_for(begun.wait(), PATIENCE_S)
    outcome = await asyncio.wait_for(running, PATIENCE_S)
    assert isinstance(outcome, Failure)
    assert outcome.code == "WORKER_CRASHED"


async def test_reports_of_work_that_ends_soon_wake_nobody_and_are_not_those_of_the_next(monkeypatch) -> None:
    told, silent = (PreviewOrder(named(name), 1, "reference", Sources({})) for name in ("tell-once", "silent"))
    heard: list[Any] = []
    async with Pool(1, child_jobs.run, child_jobs.warm, []) as pool:
        monkeypatch.setattr(children, "HEAR_AFTER_S", 3600)
        await pool.run(told, heard.append)
        monkeypatch.setattr(children, "HEAR_AFTER_S", 0)
        await pool.run(silent, heard.append)
    assert heard == []


async def test_lines_that_a_child_could_not_write_are_counted_also_when_it_is_dead() -> None:
    order = PreviewOrder(named("lose-two-lines"), 1, "reference", Sources({}))
    async with Pool(1, child_jobs.run, child_jobs.warm, []) as pool:
        await pool.run(order, lambda _: None)
        lost = pool.lost_lines
        assert lost >= 2
        await pool.run(PreviewOrder(named("kill"), 1, "reference", Sources({})), lambda _: None)
        assert pool.lost_lines == lost


def not_warm() -> None:
    raise OSError(28, "No space left on device", "/somewhere")


async def test_a_child_that_cannot_get_ready_is_why_the_worker_does_not_start() -> None:
    with pytest.raises(CannotStart, match="No space left on device: '/somewhere'"):
        async with Pool(2, child_jobs.run, not_warm, []):
            pass
