"""Which process does the work that only one needs to do."""

from contextlib import suppress
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.api.ports.clock import Clock
from services.api.ports.live import Duty
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.column_types import to_micros
from services.contract.errors import StoreUnavailable

ASKED_AGAIN = 3
"""How often a duty is renewed within the time that it lasts."""

_take = sa.text(
    "INSERT INTO duties (name, process, until) VALUES (:name, :process, :until) ON CONFLICT (name) DO UPDATE SET "
    "process = excluded.process, until = excluded.until "
    "WHERE duties.process = excluded.process OR duties.until <= :now RETURNING name"
)
_lay_down = sa.text("DELETE FROM duties WHERE process = :process")


class SharedDuties:
    """A Duties over a table: one row for each duty, with its process and its end."""

    def __init__(self, database: PostgresDatabase, process: str, clock: Clock) -> None:
        self._database = database
        self._process = process
        self._clock = clock
        self._known: dict[Duty, tuple[bool, datetime]] = {}

    async def mine(self, duty: Duty, lasts: timedelta) -> bool:
        """Return whether the duty belongs to this process for the given time. Raises StoreUnavailable."""
        now = self._clock()
        known, until = self._known.get(duty, (False, now))
        if until > now:
            return known
        known = await self._take(duty, now, lasts)
        self._known[duty] = known, now + lasts / ASKED_AGAIN
        return known

    async def _take(self, duty: Duty, now: datetime, lasts: timedelta) -> bool:
        asked = {"name": duty.value, "process": self._process, "now": to_micros(now), "until": to_micros(now + lasts)}
        return await self._database.write_soon(lambda db: db.execute(_take, asked).first() is not None)

    async def lay_down(self) -> None:
        """Leave all duties to other processes."""
        self._known.clear()
        with suppress(StoreUnavailable):  # they expire
            await self._database.write_soon(lambda db: db.execute(_lay_down, {"process": self._process}).close())
