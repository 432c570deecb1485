"""To whom the id of a worker belongs is the same whichever process it calls."""

import asyncio
from datetime import timedelta

import pytest

from services.api.live import worker_identities
from services.api.live.shared.worker_identities import FORGOTTEN_AFTER, WRITTEN_EACH_S, SharedWorkerIdentities
from services.api.ports.live import WorkerIdentity
from tests.patience import PATIENCE_S
from tests.ports.lives import ALL, Lives, looking

MINE, THEIRS = WorkerIdentity("key mine", "mine 1"), WorkerIdentity("key theirs", "theirs 1")


class Valid:
    """Which identities have valid credentials."""

    def __init__(self) -> None:
        self.over: set[str] = set()

    async def __call__(self, identity: WorkerIdentity) -> bool:
        return identity.key_id not in self.over


@pytest.fixture(params=sorted(ALL))
async def lives(request):
    async with ALL[request.param](PATIENCE_S) as lives:
        yield lives


async def test_an_id_belongs_to_who_used_it_first_at_any_process(lives: Lives) -> None:
    here, there, valid = lives.here.worker_identities, lives.there.worker_identities, Valid()
    assert await here.take("w", MINE, valid)
    assert not await there.take("w", THEIRS, valid)
    assert await there.take("w", MINE, valid)
    assert await there.take("v", THEIRS, valid)
    assert not await here.take("v", MINE, valid)
    assert not await here.take("w", THEIRS, valid)


async def test_without_credentials_an_id_is_no_more_free_than_with_them(lives: Lives) -> None:
    nobody, certified, valid = WorkerIdentity(""), WorkerIdentity("certificate a.workers.example"), Valid()
    assert await lives.here.worker_identities.take("w", certified, valid)
    for other in (nobody, MINE, WorkerIdentity("certificate b.workers.example")):
        assert not await lives.there.worker_identities.take("w", other, valid)


async def test_a_rotated_token_keeps_the_id_and_is_the_one_that_counts(lives: Lives) -> None:
    here, there, valid = lives.here.worker_identities, lives.there.worker_identities, Valid()
    assert await here.take("w", MINE, valid)
    assert await there.take("w", WorkerIdentity(MINE.name, "mine 2"), valid)
    valid.over.add("mine 1")
    assert not await here.take("w", THEIRS, valid)
    valid.over.add("mine 2")
    assert await here.take("w", THEIRS, valid)
    assert not await there.take("w", WorkerIdentity(MINE.name, "mine 3"), valid)


async def test_of_many_who_want_an_id_at_once_one_gets_it(lives: Lives) -> None:
    valid, both = Valid(), (lives.here.worker_identities, lives.there.worker_identities)
    wanted = [WorkerIdentity(f"key {n}", str(n)) for n in range(20)]
    got = await asyncio.gather(*(both[n % 2].take("w", each, valid) for n, each in enumerate(wanted)))
    assert sum(got) == 1
    (holder,) = (each for each, has in zip(wanted, got, strict=True) if has)
    valid.over.add(holder.key_id)
    again = await asyncio.gather(*(both[n % 2].take("w", each, valid) for n, each in enumerate(wanted)))
    assert sum(again) - again[wanted.index(holder)] == 1


async def test_who_uses_many_ids_loses_those_used_least_recently_and_nobody_else_loses_any(
    lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_identities, "MAX_IDS_OF_IDENTITY", 3)
    here, there, valid = lives.here.worker_identities, lives.there.worker_identities, Valid()
    assert await there.take("w", MINE, valid)
    for worker in ("a", "b", "c", "a", "d", "e"):
        assert await here.take(worker, THEIRS, valid)
    assert [await there.take(worker, MINE, valid) for worker in ("w", "a", "d", "e", "b", "c")] == [
        *(True, False, False, False),
        *(True, True),
    ]


async def test_an_id_that_changed_its_holder_counts_for_the_new_one_only(
    lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_identities, "MAX_IDS_OF_IDENTITY", 2)
    here, valid, other = lives.here.worker_identities, Valid(), WorkerIdentity("key other", "other 1")
    assert await here.take("w", THEIRS, valid)
    valid.over.add(THEIRS.key_id)
    assert await here.take("w", MINE, valid)
    for worker in ("a", "b", "c"):
        assert await here.take(worker, WorkerIdentity(THEIRS.name, "theirs 2"), valid)
    assert not await here.take("w", other, valid)
    assert await here.take("a", other, valid)


async def test_of_two_who_find_the_holder_gone_at_once_one_gets_the_id(lives: Lives) -> None:
    here, valid, both = lives.here.worker_identities, Valid(), asyncio.Barrier(2)

    async def stands(identity: WorkerIdentity) -> bool:
        if identity == THEIRS:
            await both.wait()
            return False
        return await valid(identity)

    assert await here.take("w", THEIRS, valid)
    wanted = [WorkerIdentity(f"key {n}", str(n)) for n in range(2)]
    assert sorted(await asyncio.gather(*(here.take("w", each, stands) for each in wanted))) == [False, True]


async def test_an_identity_that_is_used_no_more_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_identities, "MAX_IDENTITIES", 2)
    identities, valid = worker_identities.LocalWorkerIdentities(), Valid()
    for n, name in enumerate(("one", "two", "one", "three")):
        assert await identities.take(f"{name} {n}", WorkerIdentity(name, name), valid)
    assert await identities.take("two 1", MINE, valid)
    assert not await identities.take("three 3", THEIRS, valid)


async def test_an_id_that_nobody_uses_any_more_is_free_and_one_in_use_is_not() -> None:
    async with looking(PATIENCE_S) as lives:
        here, there, valid = lives.here.worker_identities, lives.there.worker_identities, Valid()
        assert isinstance(there, SharedWorkerIdentities)
        for worker in ("gone", "used"):
            assert await here.take(worker, MINE, valid)
        passed = timedelta()
        while passed <= FORGOTTEN_AFTER:
            lives.time.goes_on(timedelta(seconds=WRITTEN_EACH_S))
            passed += timedelta(seconds=WRITTEN_EACH_S)
            assert await here.take("used", MINE, valid)
        await there.forget()
        assert await there.take("gone", THEIRS, valid)
        assert not await there.take("used", THEIRS, valid)
