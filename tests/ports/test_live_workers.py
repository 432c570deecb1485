"""Which workers are there is known whichever process they call."""

from datetime import timedelta

import pytest

from services.api.live.workers import ABSENT_AFTER
from services.contract.capabilities import EVERYTHING, Capabilities
from services.contract.job import WorkerProblem
from tests.patience import PATIENCE_S
from tests.ports.lives import ALIKE, STORE_ID, TTL, Lives, looking

SECOND = timedelta(seconds=1)
CAN = Capabilities(frozenset({"rows/sql/shop", "format/CSV"}), STORE_ID)
BROKEN = WorkerProblem("DISK_FULL", "", 3 * SECOND)


@pytest.fixture(params=sorted({*ALIKE, "looking"}))
async def lives(request):
    async with {**ALIKE, "looking": looking}[request.param](PATIENCE_S) as lives:
        yield lives


async def beats(live, worker="w", *, draining=False, problems=()):
    return await live.workers.beat(worker, held=2, free_slots=1, draining=draining, problems=problems)


async def learned(lives: Lives) -> None:
    """What was read of all workers is a second old."""
    lives.time.goes_on(SECOND)


async def test_a_worker_is_seen_everywhere_with_what_it_said(lives: Lives) -> None:
    assert not await lives.there.workers.anybody()
    await lives.here.workers.polled("w", CAN)
    await beats(lives.here)
    await learned(lives)
    (seen,) = await lives.there.workers.present()
    assert (seen.id, seen.can, seen.held, seen.free_slots) == ("w", CAN, 2, 1)
    assert seen.seen == seen.beat == lives.time() - SECOND
    assert await lives.there.workers.anybody()
    assert await lives.there.workers.able() == (CAN,)
    assert await lives.there.workers.able(but="w") == ()
    assert await lives.there.workers.ability("w") == CAN
    assert await lives.there.workers.ability("nobody") == EVERYTHING


async def test_polls_and_heartbeats_may_come_to_different_processes(lives: Lives) -> None:
    await lives.here.workers.polled("w", CAN)
    await beats(lives.there, problems=(BROKEN,))
    await lives.here.workers.polled("w", CAN)
    for live in (lives.here, lives.there):
        (seen,) = await live.workers.present()
        assert (seen.can, seen.held, seen.problems) == (CAN, 2, (BROKEN,))
        assert not await live.workers.takes_work("w", TTL)
        assert await live.workers.able() == ()


async def test_a_draining_worker_gets_no_job_whichever_process_is_asked(lives: Lives) -> None:
    await lives.there.workers.polled("w", CAN)
    assert await lives.there.workers.takes_work("w", TTL)
    assert (await beats(lives.here, draining=True)).draining
    assert not await lives.there.workers.takes_work("w", TTL)
    assert (await beats(lives.there)).draining  # once it drains, it drains
    await learned(lives)
    assert not await lives.there.workers.anybody()


async def test_a_worker_is_asked_to_drain_wherever_it_calls(lives: Lives) -> None:
    await lives.there.workers.polled("w", CAN)
    await beats(lives.there)
    asked = await lives.here.workers.ask_to_drain("w")
    assert asked is not None
    assert (asked.id, asked.asked_to_drain, asked.can) == ("w", True, CAN)
    assert (await beats(lives.there)).asked_to_drain
    assert not await lives.there.workers.takes_work("w", TTL)
    await learned(lives)
    assert [each.stays for each in await lives.there.workers.present()] == [False]


async def test_who_was_never_seen_cannot_be_asked_to_drain(lives: Lives) -> None:
    assert await lives.here.workers.ask_to_drain("nobody") is None
    assert await lives.here.workers.takes_work("nobody", TTL)


async def test_a_worker_that_is_not_heard_of_is_silent_and_then_gone(lives: Lives) -> None:
    await lives.here.workers.polled("w", CAN)
    await beats(lives.here)
    lives.time.goes_on(TTL)
    assert await lives.there.workers.takes_work("w", TTL)
    lives.time.goes_on(SECOND)
    assert not await lives.there.workers.takes_work("w", TTL)
    lives.time.goes_on(ABSENT_AFTER)
    for live in (lives.here, lives.there):
        assert await live.workers.present() == []
        assert not await live.workers.anybody()
        assert await live.workers.ask_to_drain("w") is None


async def test_that_it_is_still_there_is_known_everywhere_though_little_is_new(lives: Lives) -> None:
    """No report is so rarely written that a worker seems silent to another process."""
    await lives.here.workers.polled("w", CAN)
    for _ in range(30):
        await beats(lives.here)
        lives.time.goes_on(TTL / 10)
        assert await lives.there.workers.takes_work("w", TTL)


async def test_a_worker_of_another_artifact_store_takes_no_work(lives: Lives) -> None:
    await lives.here.workers.polled("w", Capabilities(frozenset(), "another"))
    await learned(lives)
    (seen,) = await lives.there.workers.present()
    assert not seen.store_matches
    assert not await lives.there.workers.takes_work("w", TTL)
    assert await lives.there.workers.anybody()
    assert await lives.there.workers.able() == ()


async def test_what_a_worker_can_do_now_counts(lives: Lives) -> None:
    for can in (CAN, EVERYTHING, Capabilities(frozenset({"format/CSV"}), STORE_ID, frozenset({"acme"}))):
        await lives.here.workers.polled("w", can)
        await learned(lives)
        assert await lives.there.workers.able() == (can,)
        assert await lives.there.workers.ability("w") == can
