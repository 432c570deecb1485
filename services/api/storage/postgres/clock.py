"""The time as the database has it: one clock for all processes, whatever their machines say."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from services.api.storage.sql.database import Database
from services.contract.errors import StoreUnavailable

INTERVAL_S = 10.0
"""Between two measurements: quartz drifts by some microseconds a second."""

SAMPLES = 5
"""Questions of one measurement; the one that was answered soonest counts, being right to half of what it took."""

_now = sa.text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")

Elapsed = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Sample:
    """What the database said, and when it was asked and had answered, in seconds of a clock that never goes back."""

    time: datetime
    asked: float
    answered: float

    @property
    def took(self) -> float:
        """Seconds."""
        return self.answered - self.asked

    def at(self, elapsed: float) -> datetime:
        """The database's time then."""
        return self.time + timedelta(seconds=elapsed - (self.asked + self.answered) / 2)


class DatabaseClock:
    """Tells the database's time from when it was asked last, without asking. Any thread may use it.

    `elapsed` counts seconds and never goes back.
    """

    def __init__(self, ask: Callable[[], Awaitable[datetime]], elapsed: Elapsed = time.monotonic) -> None:
        self._ask = ask
        self._elapsed = elapsed
        self._last: Sample | None = None

    def __call__(self) -> datetime:
        """In UTC. Raises StoreUnavailable before it was measured."""
        if self._last is None:
            raise StoreUnavailable
        return self._last.at(self._elapsed())

    async def measure(self) -> None:
        """Raises StoreUnavailable; what was measured before counts then."""
        samples = [await self._sample() for _ in range(SAMPLES)]
        self._last = min(samples, key=lambda sample: sample.took)

    async def _sample(self) -> Sample:
        asked = self._elapsed()
        moment = await self._ask()
        return Sample(moment, asked, self._elapsed())

    async def run(self) -> None:
        """Measure for ever; cancel it to end it."""
        while True:
            await asyncio.sleep(INTERVAL_S)  # the period
            with suppress(StoreUnavailable):
                await self.measure()


def asking(database: Database) -> Callable[[], Awaitable[datetime]]:
    """Asks a database for its time."""

    async def ask() -> datetime:
        micros = await database.read_for_workers(lambda db: db.execute(_now).scalar_one())
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)

    return ask
