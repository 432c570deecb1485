"""How often the reaper counts the queue, and when it expires nothing."""

from contextlib import suppress
from datetime import timedelta

import pytest

from services.api.background.reaper import INTERVAL_S, MAX_SHARE_OF_COUNTING, Reaper
from services.api.live.duties import LocalDuties
from services.api.metrics import ApiMetrics
from services.api.ports.figures import Depth
from services.api.ports.live import Duties, Duty
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
        if self.away:
            raise StoreUnavailable
        self.counted_at.append(self.now)
        self.now += self._counting_s
        return Depth({}, timedelta())

    async def latest(self) -> None:
        if self.away:
            raise StoreUnavailable


class Expiring:
    """Jobs whose leases are looked at; counts how often."""

    def __init__(self) -> None:
        self.looked = 0
        self.disk_full = False

    async def expire(self):
        self.looked += 1
        if self.disk_full:
            raise StoreUnavailable
        return []


async def nobody(*, ready: bool) -> None: ...


class DutiesOfAnother(LocalDuties):
    """Another process has them all; it keeps which it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Duty] = []

    async def mine(self, duty: Duty, lasts: timedelta) -> bool:
        self.asked.append(duty)
        return False


def reaper(
    figures: Figures, jobs: Expiring | None = None, *, quiet_s: float = 0, duties: Duties | None = None
) -> Reaper:
    world, duties = World(monotonic=lambda: figures.now), duties or LocalDuties()
    return Reaper(jobs or Expiring(), figures, duties, ApiMetrics(), world, quiet_s=quiet_s, ready=nobody)


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


TTL_S = 30.0


class Scans:
    """A reaper beside the time."""

    def __init__(self) -> None:
        self.figures = Figures(0)
        self.jobs = Expiring()
        self.reaper = reaper(self.figures, self.jobs, quiet_s=TTL_S)

    async def pass_(self, seconds: float) -> int:
        """Scan each INTERVAL_S for so long; how often leases were looked at."""
        before, end = self.jobs.looked, self.figures.now + seconds
        while self.figures.now < end:
            self.figures.now += INTERVAL_S
            with suppress(StoreUnavailable):
                await self.reaper.run_once()
        return self.jobs.looked - before


async def test_for_one_ttl_after_its_start_nothing_expires():
    scans = Scans()
    assert await scans.pass_(TTL_S - 1) == 0
    assert await scans.pass_(10) == 10


async def test_a_store_that_was_away_for_longer_than_heartbeats_are_apart_costs_no_lease_its_attempt():
    scans = Scans()
    await scans.pass_(2 * TTL_S)
    scans.figures.away = True
    assert await scans.pass_(TTL_S) == 0
    scans.figures.away = False
    assert await scans.pass_(TTL_S) == 0
    assert await scans.pass_(10) == 10


async def test_a_store_that_fails_now_and_then_lets_leases_expire():
    scans = Scans()
    await scans.pass_(2 * TTL_S)
    looked = 0
    for _ in range(10):
        scans.figures.away = True
        await scans.pass_(5)
        scans.figures.away = False
        looked += await scans.pass_(5)
    assert looked == 50


async def test_an_api_that_was_stopped_costs_no_lease_its_attempt():
    scans = Scans()
    await scans.pass_(2 * TTL_S)
    scans.figures.now += TTL_S
    assert await scans.pass_(TTL_S) == 0
    assert await scans.pass_(10) == 10


async def test_a_store_that_could_not_be_written_to_costs_no_lease_its_attempt():
    scans = Scans()
    await scans.pass_(2 * TTL_S)
    scans.jobs.disk_full = True
    assert await scans.pass_(5) == 1
    scans.jobs.disk_full = False
    assert await scans.pass_(TTL_S - 5) == 0
    assert await scans.pass_(10) == 10


async def test_what_another_process_does_is_left_to_it_and_the_store_is_looked_at_all_the_same():
    figures, jobs, duties = Figures(0), Expiring(), DutiesOfAnother()
    of = reaper(figures, jobs, duties=duties)
    await of.run_once()
    assert (figures.counted_at, jobs.looked, duties.asked) == ([], 0, [Duty.COUNT, Duty.EXPIRE])
    figures.away = True
    with pytest.raises(StoreUnavailable):
        await of.run_once()


async def test_a_reaper_that_is_silent_leaves_the_ending_of_leases_to_others():
    duties = DutiesOfAnother()
    await reaper(Figures(0), quiet_s=30, duties=duties).run_once()
    assert duties.asked == [Duty.COUNT]
