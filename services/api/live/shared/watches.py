"""Which exports are watched at any process. Their workers report more often."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa

from services.api.live.shared.periodic import periodically
from services.api.ports.clock import Clock
from services.api.ports.live import DetachedTasks
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.column_types import to_micros
from services.contract.errors import StoreUnavailable

WRITTEN_AFTER_S = 0.1
"""Delay before a watch is written. One that ends sooner is never written."""

REFRESHED_S = 15.0
VALID = timedelta(seconds=40)
"""How long the watches of a process count after it last wrote them."""

_put = sa.text(
    "INSERT INTO watches (export_id, process, until) SELECT unnest(cast(:ids AS text[])), :process, :until "
    "ON CONFLICT (export_id, process) DO UPDATE SET until = excluded.until"
)
_end = sa.text("DELETE FROM watches WHERE process = :process AND export_id = ANY(:ids)")
_watched = sa.text(
    "SELECT DISTINCT export_id FROM watches WHERE export_id = ANY(:ids) AND process <> :process AND until > :now"
)
_forget = sa.text("DELETE FROM watches WHERE until <= :now")


class Watches:
    """Writes the watches of this process for the others, and reads theirs.

    `watched_here` returns the ids of the exports that are watched in this process now.
    """

    def __init__(
        self,
        database: PostgresDatabase,
        process: str,
        clock: Clock,
        detached: DetachedTasks,
        watched_here: Callable[[], Collection[str]],
    ) -> None:
        self._database = database
        self._process = process
        self._clock = clock
        self._watched_here = watched_here
        self._written: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._detached = detached

    def changed(self) -> None:
        """Note that a watch began or ended. It is written soon, if it is still so then."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WRITTEN_AFTER_S, self.tell)

    def tell(self) -> None:
        """Write now what has changed."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        here = {*self._watched_here()}
        new, over = here - self._written, self._written - here
        self._written = here
        if new or over:
            self._detached.start(self._write(sorted(new), sorted(over)))

    async def elsewhere(self, export_ids: Sequence[str]) -> frozenset[str]:
        """Return those of these exports that are watched at other processes, as far as these have written it."""
        asked = {"ids": [*export_ids], "process": self._process, "now": to_micros(self._clock())}
        return frozenset(await self._database.read_for_workers(lambda db: db.execute(_watched, asked).scalars().all()))

    async def run(self) -> None:
        """Renew the watches of this process, and remove expired ones, until cancelled."""
        await periodically(lambda: REFRESHED_S, lambda: self._write(sorted(self._written), []))

    async def _write(self, new: Sequence[str], over: Sequence[str]) -> None:
        now = self._clock()
        said = {"process": self._process, "until": to_micros(now + VALID), "now": to_micros(now)}

        def write(db: sa.Connection) -> None:
            if over:
                db.execute(_end, said | {"ids": over})
            if new:
                db.execute(_put, said | {"ids": new})
            db.execute(_forget, said)

        with suppress(StoreUnavailable):  # they are written with the next renewal
            await self._database.write_soon(write)
