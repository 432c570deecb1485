import asyncio

import pytest

from services.api.live.detached_tasks import LocalDetachedTasks
from tests.patience import PATIENCE_S


async def test_both_steps_are_taken_when_the_caller_leaves_between_them() -> None:
    steps: list[str] = []
    committed, announced = asyncio.Event(), asyncio.Event()
    go_on = asyncio.Event()

    async def change_and_announce() -> None:
        steps.append("committed")
        committed.set()
        await go_on.wait()
        steps.append("announced")
        announced.set()

    caller = asyncio.create_task(LocalDetachedTasks().run(change_and_announce()))
    await committed.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await asyncio.wait_for(announced.wait(), PATIENCE_S)
    assert steps == ["committed", "announced"]


async def test_a_caller_who_stays_gets_the_result_or_the_error() -> None:
    async def refused() -> None:
        raise ValueError("no")

    async def done() -> int:
        return 7

    assert await LocalDetachedTasks().run(done()) == 7
    with pytest.raises(ValueError, match="no"):
        await LocalDetachedTasks().run(refused())


async def test_whoever_closes_waits_for_all_that_was_begun() -> None:
    tasks, steps, first = LocalDetachedTasks(), list[str](), asyncio.Event()

    async def last() -> None:
        await asyncio.sleep(0)  # it does not end in the turn in which it begins
        steps.append("last")

    async def begins_another() -> None:
        await first.wait()
        tasks.start(last())

    tasks.start(begins_another())
    settled = asyncio.create_task(tasks.settled())
    await asyncio.sleep(0)  # it waits
    first.set()
    await settled
    assert steps == ["last"]
