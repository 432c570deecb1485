"""The workers that call any process on the database."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from services.api.domain.audit import NOBODY, Origin
from services.api.live.shared import worker_rows as rows
from services.api.live.shared.messages import Kind
from services.api.live.shared.outgoing import Outgoing
from services.api.live.shared.periodic import periodically
from services.api.live.workers import ABSENT_AFTER
from services.api.ports.clock import Clock
from services.api.ports.live import WorkerSeen
from services.api.storage.postgres.database import PostgresDatabase
from services.contract.capabilities import EVERYTHING, Capabilities
from services.contract.job import WorkerProblem

WRITTEN_EACH = timedelta(seconds=5)
"""Longest time between two writes of when a worker was seen. Changes are written at once."""

READ_EACH_S = 1.0
"""How old the list of all workers may be."""

FORGOTTEN_AFTER = timedelta(minutes=10)
"""When an unseen worker is deleted. Until then it remains known that it was asked to drain."""

MAX_CANS = 1024
"""Distinct sets of capabilities that are kept in memory. Most have some kilobytes."""

NOTHING = Capabilities(frozenset())
"""The capabilities of a worker that is just changing them."""

Put = Callable[[sa.Connection, str, WorkerSeen], rows.Row]


class SharedWorkers:
    """A Workers over a table that all processes write and read."""

    def __init__(
        self,
        database: PostgresDatabase,
        outgoing: Outgoing,
        clock: Clock,
        monotonic: Callable[[], float],
        store_id: str,
        *,
        silent_after: timedelta,
    ) -> None:
        """`store_id` is the marker of the artifact store. `silent_after` is the shortest `within` of `takes_work`."""
        self._database = database
        self._outgoing = outgoing
        self._clock = clock
        self._monotonic = monotonic
        self._store_id = store_id
        self._written_each = min(WRITTEN_EACH, silent_after / 3)
        self._written: dict[tuple[Put, str], WorkerSeen] = {}
        self._cans: dict[str, Capabilities] = {}
        self._known: Sequence[WorkerSeen] = ()
        self._known_until = -1.0
        self._news = 0

    async def polled(self, worker_id: str, can: Capabilities = EVERYTHING) -> None:
        """A worker asked for work that it can do."""
        matches = can.sees(self._store_id)
        await self._put(rows.put_polled, WorkerSeen(worker_id, self._clock(), can=can, store_matches=matches))

    async def beat(
        self, worker_id: str, *, held: int, free_slots: int, draining: bool, problems: tuple[WorkerProblem, ...] = ()
    ) -> WorkerSeen:
        """A worker reported; returns what is known of it now. Once it drains, it drains."""
        now = self._clock()
        said = WorkerSeen(worker_id, now, now, held, free_slots, draining=draining, problems=problems)
        return await self._put(rows.put_beat, said) or await self._one(worker_id) or said

    async def ask_to_drain(self, worker_id: str, *, by: Origin = NOBODY) -> WorkerSeen | None:
        """Ask the worker to stop; None if there is no such worker."""
        now = self._clock()
        row = await self._database.write(lambda db: rows.ask_to_drain(db, worker_id, now - ABSENT_AFTER, by, now))
        if row is None:
            return None
        self._news_of(worker_id)
        return await self._worker(row)

    async def takes_work(self, worker_id: str, within: timedelta) -> bool:
        """False for a worker that drains or is unhealthy, and for one that sends heartbeats and was not heard of for so
        long: its poll may be open though nobody is there to read the answer.
        """
        known = await self._one(worker_id)
        if known is None:
            return True
        silent = known.beat is not None and self._clock() - known.seen > within
        return known.stays and known.healthy and not silent

    async def present(self) -> list[WorkerSeen]:
        """Those seen recently, by id."""
        self.look_again()
        return [*await self._all()]

    async def anybody(self) -> bool:
        """True when some worker is there to stay, healthy or not."""
        return any(worker.stays for worker in await self._all())

    async def able(self, but: str = "") -> tuple[Capabilities, ...]:
        """What each worker can do that would take work, but for one."""
        return tuple(each.can for each in await self._all() if each.stays and each.healthy and each.id != but)

    async def ability(self, worker_id: str) -> Capabilities:
        """What a worker can do; of one that is not known: everything."""
        known = await self._one(worker_id)
        return known.can if known else EVERYTHING

    def look_again(self) -> None:
        """Read the list of workers again before it is used next."""
        self._known_until = -1.0
        self._news += 1

    async def run(self) -> None:
        """Delete workers that are gone, until cancelled."""
        await periodically(ABSENT_AFTER.total_seconds, self._remove)

    async def _remove(self) -> None:
        since = self._clock() - FORGOTTEN_AFTER
        self._written = {key: each for key, each in self._written.items() if each.seen >= since}
        await self._database.write_soon(lambda db: rows.forget(db, since))

    async def _put(self, put: Put, said: WorkerSeen) -> WorkerSeen | None:
        """Write a change, or when the worker was seen if that is due. Return the worker if something was written."""
        before = self._written.get((put, said.id))
        is_new = before is None or _lasting(before) != _lasting(said)
        if not is_new and before and said.seen - before.seen < self._written_each:
            return None
        row = await self._database.write_soon(lambda db: put(db, self._outgoing.sender, said))
        self._written[put, said.id] = said
        if is_new:
            self._news_of(said.id)
        return await self._worker(row)

    def _news_of(self, worker_id: str) -> None:
        self.look_again()
        self._outgoing.tell(Kind.WORKER, worker_id)

    async def _one(self, worker_id: str) -> WorkerSeen | None:
        row = await self._database.read_for_workers(lambda db: rows.one(db, worker_id))
        return await self._worker(row) if row else None

    async def _all(self) -> Sequence[WorkerSeen]:
        if self._monotonic() >= self._known_until:
            await self._read()
        return self._known

    async def _read(self) -> None:
        begun, news, since = self._monotonic(), self._news, self._clock() - ABSENT_AFTER
        found = await self._database.read_for_workers(lambda db: rows.present(db, since))
        await self._learn({row["can_key"] for row in found})
        self._known = [self._of(row) for row in found]
        if news == self._news:  # else what came meanwhile may not be in it
            self._known_until = begun + READ_EACH_S

    async def _worker(self, row: rows.Row) -> WorkerSeen:
        await self._learn({row["can_key"]})
        return self._of(row)

    def _of(self, row: rows.Row) -> WorkerSeen:
        return rows.worker_of(row, self._cans.get(row["can_key"], NOTHING))

    async def _learn(self, keys: set[str]) -> None:
        """Read the capabilities of keys that are not known yet."""
        if new := keys - self._cans.keys():
            if len(self._cans) >= MAX_CANS:
                self._cans.clear()
                new = keys
            self._cans |= await self._database.read_for_workers(lambda db: rows.cans(db, new))


def _lasting(worker: WorkerSeen) -> WorkerSeen:
    """Return a worker without what changes with every report and need not be written at once."""
    problems = tuple(replace(problem, age=timedelta(0)) for problem in worker.problems)
    return replace(worker, seen=_NEVER, beat=None, held=0, free_slots=0, problems=problems)


_NEVER = datetime.min.replace(tzinfo=UTC)
