"""Two things at the same moment: whichever comes first, the end is one of those that make sense."""

import asyncio
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from services.api.domain.leases import Claimed
from services.api.domain.retry import Backoff
from services.api.domain.states import TERMINAL, State
from services.api.live.announcements import LocalAnnouncements
from services.api.live.detached_tasks import LocalDetachedTasks
from services.api.live.workers import LocalWorkers
from services.api.metrics import ApiMetrics
from services.api.ports.live import Announcements
from services.api.secrets.passwords import Passwords
from services.api.secrets.server_keys import ServerKeys
from services.api.storage.artifacts.folder import FolderArtifactStore
from services.api.storage.sql.stores import sql_store
from services.api.storage.sqlite.database import SqliteDatabase
from services.api.usecases.jobs import Jobs
from services.api.usecases.publication import Publication
from services.api.world import World
from services.contract.errors import ExportdError, IllegalTransition, JobCancelled
from tests.integration.storage.test_processes import running
from tests.ports.driving import POLICY, WORKER, leased, queued
from tests.ports.samples import SPEC, START, STATS, new_export, new_file, new_id

BOTH_WAYS = list(permutations((0, 1)))


async def together(order, *verbs):
    """What the verbs came to, in their own order; they are asked for in `order` and share a commit or not."""
    asked = {place: asyncio.ensure_future(_run(verbs[place])) for place in order}
    return [await asked[place] for place in range(len(verbs))]


async def _run(verb):
    try:
        return await verb
    except ExportdError as refusal:
        return refusal


@pytest.mark.parametrize("order", BOTH_WAYS)
async def test_fault_09_a_lease_that_ends_as_its_worker_completes_is_completed(store, order):
    driven = await leased(store)
    late = START + POLICY.ttl
    await together(
        order,
        store.leases.expire(late),
        store.leases.complete(driven.lease, new_file(driven.export.id), STATS, late),
    )
    export = await store.exports.get("acme", driven.export.id)
    assert (export.state, export.attempt) == (State.COMPLETED, 1)
    assert await store.leases.claim("worker-2", "poll-2", 1, late) == []


@pytest.mark.parametrize("order", BOTH_WAYS)
async def test_fault_09_the_last_lease_that_ends_as_its_worker_completes_has_one_end(store, order):
    driven = await leased(store, max_attempts=1)
    late = START + POLICY.ttl
    await together(
        order, store.leases.expire(late), store.leases.complete(driven.lease, new_file(driven.export.id), STATS, late)
    )
    export = await store.exports.get("acme", driven.export.id)
    assert export.done
    assert (export.state is State.COMPLETED) == (export.file is not None) == (export.cancel_reason is None)
    ends = [t.event for t in await store.exports.transitions("acme", export.id) if t.after in TERMINAL]
    assert len(ends) == 1


@pytest.mark.parametrize("order", BOTH_WAYS)
async def test_fault_09_either_the_cancel_or_the_completion_wins_and_the_other_hears_it(store, order):
    driven = await leased(store)
    cancelled, completed = await together(
        order,
        store.exports.cancel("acme", driven.export.id, START, only_if_queued=False),
        store.leases.complete(driven.lease, new_file(driven.export.id), STATS, START),
    )
    export = await store.exports.get("acme", driven.export.id)
    if export.state is State.COMPLETED:
        assert isinstance(cancelled, IllegalTransition)
        assert completed == export
    else:
        assert (export.state, export.file) == (State.CANCELLED, None)
        assert isinstance(completed, JobCancelled)


@pytest.mark.parametrize("order", BOTH_WAYS)
async def test_fault_09_a_cancel_at_the_moment_of_the_claim_is_final(store, order):
    driven = await queued(store)
    (cancelled, told), claimed = await together(
        order,
        store.exports.cancel("acme", driven.export.id, START, only_if_queued=False),
        store.leases.claim(WORKER, "poll", 1, START),
    )
    assert cancelled.state is State.CANCELLED
    assert [told] == [one.lease_id for one in claimed] or (told, claimed) == ("", [])
    for one in claimed:
        with pytest.raises(JobCancelled):
            await store.leases.complete(one.ref, new_file(one.export.id), STATS, START)
    assert (await store.exports.get("acme", driven.export.id)).state is State.CANCELLED


class WorkArrivesLate:
    """Leases of a store in which an export is created just after a claim found nothing."""

    def __init__(self, store, announcements: Announcements) -> None:
        self._store, self._announcements = store, announcements
        self.made = None

    def __getattr__(self, name):
        return getattr(self._store.leases, name)

    async def claim(self, *asked) -> list[Claimed]:
        claimed = await self._store.leases.claim(*asked)
        if self.made is None:
            self.made = await self._store.exports.create(new_export(), SPEC, None)
            self._announcements.exported(self.made)
        return claimed


async def test_fault_03_an_export_made_while_a_poll_goes_to_sleep_is_handed_out_at_once(store, tmp_path: Path):
    announcements, artifacts = LocalAnnouncements(), FolderArtifactStore.in_folder(tmp_path / "artifacts")
    late = WorkArrivesLate(store, announcements)
    jobs = Jobs(
        leases=late,
        store_id=artifacts.store_id,
        publication=Publication(artifacts, new_id),
        passwords=Passwords(ServerKeys.of(b"k" * 32)),
        announcements=announcements,
        workers=LocalWorkers(lambda: START, artifacts.store_id, store.audit),
        detached=LocalDetachedTasks(),
        metrics=ApiMetrics(),
        policy=POLICY,
        backoff=Backoff(),
        world=World(clock=lambda: START + timedelta(seconds=1)),
    )
    async with asyncio.timeout(10):  # far less than the poll would wait
        (job,) = await jobs.lease("worker-1", "poll-1", 1, 25.0)
    assert job.lease.export_id == late.made.id


ENDS_AND_SAYS_SO = """
import asyncio, sys
from pathlib import Path
from services.api.storage.sqlite.database import SqliteDatabase
from services.api.storage.sql.stores import sql_store
from tests.ports.samples import SPEC, START, new_export

async def main():
    store = sql_store(await SqliteDatabase.open(Path(sys.argv[1]) / "exportd.sqlite3"))
    export = await store.exports.create(new_export(callback_url="https://x.test/", notify_email="a@x.test"), SPEC, None)
    await store.exports.cancel("acme", export.id, START, only_if_queued=True)
    print(export.id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_fault_23_what_an_api_had_ended_but_not_announced_when_it_was_killed_is_announced(tmp_path: Path):
    with running(ENDS_AND_SAYS_SO, tmp_path) as process:
        export_id = (await asyncio.to_thread(process.stdout.readline)).strip()
        process.kill()
        process.wait()
    async with await SqliteDatabase.open(tmp_path / "exportd.sqlite3") as database:
        held = await sql_store(database).outbox.hold(10, START + POLICY.ttl, START)
    assert {(one.delivery.export_id, one.delivery.target) for one in held} == {
        (export_id, "https://x.test/"),
        (export_id, "a@x.test"),
    }
