"""How often the reaper counts the queue."""

from datetime import timedelta

import pytest

from services.api.background.reaper import INTERVAL_S, MAX_SHARE_OF_COUNTING, Reaper
from services.api.metrics import ApiMetrics
from services.api.ports.figures import Depth
from services.api.world import World
from services.contract.errors import StoreUnavailable


class Figures:
    """Counting takes as long as it is told to; the rest takes no time."""

    def __init__(self, counting_s: float) -> None:
        self.now = 0.0
        self.counted_at: list[float] = []
        self.away = False
        self._counting_s = counting_s

    async def depth(self, _) -> Depth:
        self.counted_at.append(self.now)
        self.now += self._counting_s
        return Depth({}, timedelta())

    async def latest(self) -> None:
        if self.away:
            raise StoreUnavailable


class NoJobs:
    async def expire(self):
        return []


async def nobody(*, ready: bool) -> None: ...


def reaper(figures: Figures) -> Reaper:
    world = World(monotonic=lambda: figures.now)
    return Reaper(NoJobs(), figures, ApiMetrics(), world, quiet_s=0, ready=nobody)


async def scan(figures: Figures, seconds: float) -> None:
    of = reaper(figures)
    while figures.now < seconds:
        await of.run_once()
        figures.now += INTERVAL_S


async def test_a_queue_that_is_counted_quickly_is_counted_in_each_scan():
    figures = Figures(INTERVAL_S * MAX_SHARE_OF_COUNTING / 2)
    await scan(figures, 10)
    assert len(figures.counted_at) == 10


async def test_counting_a_long_queue_takes_a_bounded_share_of_the_time():
    figures = Figures(0.4)
    await scan(figures, 600)
    assert 600 * MAX_SHARE_OF_COUNTING / 2 < len(figures.counted_at) * 0.4 <= 600 * MAX_SHARE_OF_COUNTING + 0.4


async def test_a_scan_that_does_not_count_finds_out_that_the_store_is_away_all_the_same():
    figures = Figures(100.0)
    of = reaper(figures)
    await of.run_once()
    figures.away = True
    with pytest.raises(StoreUnavailable):
        await of.run_once()
