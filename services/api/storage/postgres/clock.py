"""The time of the database: one clock for all processes, whatever the clocks of their machines say."""

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
"""Time between two measurements. Clocks drift by some microseconds per second."""

SAMPLES = 5
"""Questions per measurement. The fastest answer counts; its error is at most half of its duration."""

_now = sa.text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")

Elapsed = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Sample:
    """The database's time, and when it was asked and when it answered, in seconds of a clock that never goes back."""

    time: datetime
    asked: float
    answered: float

    @property
    def took(self) -> float:
        """The duration of the question in seconds."""
        return self.answered - self.asked

    def at(self, elapsed: float) -> datetime:
        """Return the database's time at the moment `elapsed`."""
        return self.time + timedelta(seconds=elapsed - (self.asked + self.answered) / 2)


class DatabaseClock:
    """Computes the database's time from the last measurement, without asking. It can be used by any thread.

    `elapsed` returns seconds and never goes back.
    """

    def __init__(self, ask: Callable[[], Awaitable[datetime]], elapsed: Elapsed = time.monotonic) -> None:
        self._ask = ask
        self._elapsed = elapsed
        self._last: Sample | None = None

    def __call__(self) -> datetime:
        """Return the time in UTC. Raises StoreUnavailable before the first measurement."""
        if self._last is None:
            raise StoreUnavailable
        return self._last.at(self._elapsed())

    async def measure(self) -> None:
        """Measure the database's time. Raises StoreUnavailable; the previous measurement then stays in force."""
        samples = [await self._sample() for _ in range(SAMPLES)]
        self._last = min(samples, key=lambda sample: sample.took)

    async def _sample(self) -> Sample:
        asked = self._elapsed()
        moment = await self._ask()
        return Sample(moment, asked, self._elapsed())

    async def run(self) -> None:
        """Measure periodically until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)  # the period
            with suppress(StoreUnavailable):
                await self.measure()


def asking(database: Database) -> Callable[[], Awaitable[datetime]]:
    """Return a function that asks a database for its time."""

    async def ask() -> datetime:
        micros = await database.read_for_workers(lambda db: db.execute(_now).scalar_one())
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)

    return ask
