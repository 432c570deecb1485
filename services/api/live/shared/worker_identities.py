"""The identities to which the ids of workers belong, in a table that all processes share."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.api.live.shared.periodic import periodically
from services.api.live.worker_identities import HeldIds
from services.api.ports.clock import Clock
from services.api.ports.live import Stands, WorkerIdentity
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.column_types import to_micros

WRITTEN_EACH_S = 60.0
"""How long a process relies on what it has written. Meanwhile nobody else gets the id, unless its holder is invalid."""

FORGOTTEN_AFTER = timedelta(minutes=10)
"""When an id that is not used any more belongs to nobody."""

MAX_TURNS = 3
"""How often an id can change its holder under the eyes of one call."""

_take = sa.text(
    "INSERT INTO worker_identities (id, name, key_id, seen) VALUES (:id, :name, :key_id, :seen) "
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name, key_id = excluded.key_id, "
    "seen = greatest(worker_identities.seen, excluded.seen) "
    "WHERE worker_identities.name IN (excluded.name, :invalid) RETURNING id"
)
_holder = sa.text("SELECT name, key_id FROM worker_identities WHERE id = :id")
_lose = sa.text("DELETE FROM worker_identities WHERE id = ANY(:ids) AND name = :name")
_forget = sa.text("DELETE FROM worker_identities WHERE seen < :since")


class SharedWorkerIdentities:
    """Implements WorkerIdentities over a table."""

    def __init__(self, database: PostgresDatabase, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._monotonic = monotonic
        self._written: dict[str, tuple[WorkerIdentity, float]] = {}
        self._held = HeldIds()

    async def take(self, worker_id: str, identity: WorkerIdentity, stands: Stands) -> bool:
        """See WorkerIdentities."""
        written, until = self._written.get(worker_id, (None, 0.0))
        if written == identity and self._monotonic() < until:
            self._held.used(worker_id, identity.name)
            return True
        invalid = identity.name
        for _ in range(MAX_TURNS):
            holder = await self._asked(worker_id, identity, invalid)
            if holder is None:
                await self._remember(worker_id, identity)
                return True
            if await stands(holder):
                return False
            invalid = holder.name
        return False

    async def run(self) -> None:
        """Forget ids that are not used any more, until cancelled."""
        await periodically(FORGOTTEN_AFTER.total_seconds, self.forget)

    async def forget(self) -> None:
        """Forget ids that were not used for a while."""
        since = to_micros(self._clock() - FORGOTTEN_AFTER)
        await self._database.write_soon(lambda db: db.execute(_forget, {"since": since}))

    async def _asked(self, worker_id: str, identity: WorkerIdentity, invalid: str) -> WorkerIdentity | None:
        """Take the id from nobody, from the identity itself, or from `invalid`; otherwise return its holder."""
        now = self._clock()
        return await self._database.write_soon(lambda db: _taken(db, worker_id, identity, invalid, now))

    async def _remember(self, worker_id: str, identity: WorkerIdentity) -> None:
        """Remember what was written. What the identity loses by it goes from the table, too."""
        before, _ = self._written.get(worker_id, (identity, 0.0))
        if before.name != identity.name:
            self._held.left(worker_id, before.name)
        self._written[worker_id] = identity, self._monotonic() + WRITTEN_EACH_S
        if lost := self._held.used(worker_id, identity.name):
            owners = {self._written.pop(each)[0].name for each in lost}
            await self._database.write_soon(lambda db: _lost(db, lost, owners))


def _lost(db: sa.Connection, ids: Sequence[str], names: Iterable[str]) -> None:
    for name in names:
        db.execute(_lose, {"ids": [*ids], "name": name})


def _taken(
    db: sa.Connection, worker_id: str, identity: WorkerIdentity, invalid: str, now: datetime
) -> WorkerIdentity | None:
    values = {"id": worker_id, "name": identity.name, "key_id": identity.key_id, "seen": to_micros(now)}
    if db.execute(_take, {**values, "invalid": invalid}).first():
        return None
    row = db.execute(_holder, {"id": worker_id}).first()
    return WorkerIdentity(row.name, row.key_id) if row else WorkerIdentity("", "")
