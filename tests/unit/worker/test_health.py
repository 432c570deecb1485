"""When a worker takes work again whose own environment failed."""

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from services.contract.capabilities import requirement_of
from services.contract.codes import FailureCode, Retry
from services.contract.job import Job, LeaseRef
from services.contract.outcome import Failure
from services.worker.supervisor.health import FIRST_PAUSE_S, MAX_PAUSE_S, OF_SOURCE, OF_WORKER, WHOLE, Health
from services.worker.world import World
from tests.integration.worker.test_worker_grpc_queue import BUILT, JOB
from tests.patience import PATIENCE_S

UNREACHABLE = Failure(FailureCode.SOURCE_UNREACHABLE, "away", source_id="db")
FULL = Failure(FailureCode.DISK_FULL, "full")


@dataclass(frozen=True)
class Surroundings(World):
    """What is broken now, and how long each pause was meant to be; `changes` has an entry each time that the api would
    be told.
    """

    broken: set[str] = field(default_factory=set)
    asked: list[float] = field(default_factory=list)
    probed: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def pauses(self, first_s: float = 0.1, max_s: float = 10.0) -> Iterator[float]:
        pause = first_s
        while True:
            self.asked.append(pause)
            yield 0.0
            pause = min(2 * pause, max_s)

    async def probe(self, source_id: str) -> bool:
        self.probed.append(source_id)
        return source_id not in self.broken

    def changed(self) -> None:
        self.changes.append("changed")


@pytest.fixture
def around() -> Surroundings:
    return Surroundings()


@asynccontextmanager
async def health_of(around: Surroundings):
    async with Health(around, around.probe, around.changed) as health:
        yield health


async def until(holds) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0)


@pytest.mark.parametrize("code", sorted(OF_WORKER))
async def test_a_worker_whose_store_disk_or_memory_fails_takes_nothing_until_a_probe_succeeds(around, code) -> None:
    around.broken.add(WHOLE)
    async with health_of(around) as health:
        health.heard(JOB, Failure(code, "why"))
        assert not health.fit
        assert [(problem.code, problem.source_id) for problem in health.problems()] == [(code, WHOLE)]
        await until(lambda: len(around.probed) > 3)
        assert not health.fit
        around.broken.clear()
        await asyncio.wait_for(health.until_fit(), PATIENCE_S)
        assert health.problems() == []
    assert len(around.changes) == 2


async def test_a_source_that_cannot_be_reached_is_lost_alone(around) -> None:
    around.broken.add("db")
    async with health_of(around) as health:
        health.heard(JOB, UNREACHABLE)
        assert (health.fit, health.lost_sources) == (True, {"db"})
        await asyncio.wait_for(health.until_fit(), PATIENCE_S)
        around.broken.clear()
        await until(lambda: not health.lost_sources)
    assert set(around.probed) == {"db"}


async def test_the_pauses_grow_while_it_fails_again_and_a_file_that_is_built_ends_that(around) -> None:
    async with health_of(around) as health:
        for _ in range(9):
            health.heard(JOB, FULL)
            await asyncio.wait_for(health.until_fit(), PATIENCE_S)
        assert around.asked == [FIRST_PAUSE_S * 2**n for n in range(6)] + [MAX_PAUSE_S] * 3
        around.asked.clear()
        health.heard(JOB, BUILT)
        health.heard(JOB, FULL)
        await asyncio.wait_for(health.until_fit(), PATIENCE_S)
        assert around.asked == [FIRST_PAUSE_S]


async def test_several_failures_at_once_are_one(around) -> None:
    around.broken.add(WHOLE)
    async with health_of(around) as health:
        for _ in range(5):
            health.heard(JOB, FULL)
        assert len(health.problems()) == len(around.changes) == 1


@pytest.mark.parametrize("code", [code for code in FailureCode if code.retry is not Retry.ELSEWHERE])
async def test_what_is_no_matter_of_the_worker_leaves_it_well(around, code) -> None:
    async with health_of(around) as health:
        health.heard(JOB, Failure(code, "why", source_id="db"))
        assert health.problems() == []


def test_every_code_of_a_workers_surroundings_is_one_of_the_worker_or_of_a_source_or_told_beforehand() -> None:
    """Of the last ones a worker tells the api before: it has no key, or reads jobs of an earlier version only."""
    told = {FailureCode.MASK_KEY_MISSING, FailureCode.UNREADABLE_JOB}
    assert OF_WORKER | OF_SOURCE | told == {code for code in FailureCode if code.retry is Retry.ELSEWHERE}


def test_the_names_of_a_job_are_those_of_its_source() -> None:
    assert isinstance(JOB, Job)
    assert JOB.lease == LeaseRef("e1", "aa")
    assert "rows/sql/db" in requirement_of(JOB.spec).needs
