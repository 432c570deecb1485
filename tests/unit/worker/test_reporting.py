"""What a worker makes of the api's answers to its reports, and of none."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.contract.codes import FailureCode
from services.contract.errors import (
    ExportdError,
    InvalidRequest,
    JobCancelled,
    LeaseLost,
    RowsMissing,
    StoreMismatch,
    StoreUnavailable,
)
from services.contract.job import LeaseRef
from services.contract.outcome import Artifact, Built, Consistency, Failure, MatchedBy, RunStats
from services.worker.supervisor.outcome_log import Ending
from services.worker.supervisor.reporting import Reporting
from services.worker.world import World

LEASE = LeaseRef("export-1", "lease-1")
STATS = RunStats(1, MatchedBy.COUNT, 1, Consistency.SNAPSHOT, datetime(2026, 11, 28, tzinfo=UTC), ())
BUILT = Built(Artifact("export-1/lease-1/export.csv", 3, "0" * 64, "text/csv", "csv"), STATS)
AWAY = StoreUnavailable()
TRY_S = 10.0
"""How long a call takes, on the clock of these tests."""


@dataclass
class Api:
    """It answers with what is next in line, None being yes; then always with the last. Each call takes TRY_S."""

    answers: list[ExportdError | None]
    now: float = 0.0
    calls: list[str] = field(default_factory=list)

    async def complete(self, _lease: LeaseRef, _built: Built) -> None:
        self._answer("complete")

    async def fail(self, _lease: LeaseRef, failure: Failure) -> None:
        self._answer(f"fail {failure.code}")

    async def release(self, _leases: list[LeaseRef]) -> None:
        self._answer("release")

    def _answer(self, call: str) -> None:
        self.calls.append(call)
        self.now += TRY_S
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer


@dataclass
class Place:
    """Where the file is; `seen` is what was done to it."""

    seen: list[str] = field(default_factory=list)

    async def withdraw(self) -> None:
        self.seen.append("withdrawn")

    def mismatched(self, _mismatch: StoreMismatch) -> Failure:
        self.seen.append("mismatched")
        return Failure(FailureCode.STORE_MISMATCH, "another store")


class Hasty(World):
    """Its pauses are over at once."""

    def pauses(self, first_s: float = 0.1, max_s: float = 10.0) -> Iterator[float]:
        while True:
            yield 0.0


class Patient(World):
    """Its pauses outlast every test: only what ends one early goes on."""

    def pauses(self, first_s: float = 0.1, max_s: float = 10.0) -> Iterator[float]:
        while True:
            yield 3600.0


@dataclass
class Report:
    """One attempt's reports, and what they did."""

    api: Api
    place: Place = field(default_factory=Place)
    stopped: asyncio.Future[Ending] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def reporting(self, for_s: float = 35.0, world_of: type[World] = Hasty) -> Reporting:
        queue: Any = self.api
        world = world_of(monotonic=lambda: self.api.now)
        return Reporting(queue, LEASE, self.place, self.stopped, for_s, "reference", world)


async def test_a_completion_that_nobody_answered_leaves_the_file_which_may_have_been_published() -> None:
    report = Report(Api([AWAY]))
    assert await report.reporting().outcome(BUILT) is Ending.ORPHANED
    assert report.api.calls == ["complete"] * 4
    assert report.place.seen == []


@pytest.mark.parametrize("why", [Ending.RELEASED, Ending.ORPHANED])
async def test_a_completion_that_was_stopped_before_it_was_answered_leaves_the_file_too(why: Ending) -> None:
    report = Report(Api([AWAY]))
    reporting = report.reporting(for_s=3600)
    telling = asyncio.create_task(reporting.outcome(BUILT))
    await asyncio.sleep(0)  # it has called once
    report.stopped.set_result(why)
    assert await telling is why
    assert report.place.seen == []


async def test_a_stop_ends_the_pause_between_two_reports() -> None:
    report = Report(Api([AWAY]))
    telling = asyncio.create_task(report.reporting(for_s=7200, world_of=Patient).outcome(BUILT))
    await asyncio.sleep(0)
    report.stopped.set_result(Ending.ORPHANED)
    for _ in range(20):
        await asyncio.sleep(0)
    assert telling.result() is Ending.ORPHANED
    assert report.api.calls == ["complete"]


async def test_a_failure_that_the_api_refuses_is_in_the_log() -> None:
    report = Report(Api([InvalidRequest([])]))
    with capture_logs() as lines:
        assert await report.reporting().outcome(Failure(FailureCode.VALUE_INVALID, "no number")) is Ending.FAILED
    assert [(line["event"], line["reason"]) for line in lines] == [("failure_refused", "INVALID_REQUEST")]


async def test_a_completion_is_repeated_until_it_is_answered() -> None:
    report = Report(Api([AWAY, AWAY, None]))
    assert await report.reporting().outcome(BUILT) is Ending.COMPLETED
    assert report.api.calls == ["complete"] * 3
    assert report.place.seen == []


@pytest.mark.parametrize(
    ("refusal", "ending", "calls", "seen"),
    [
        (LeaseLost("export-1"), Ending.LOST, ["complete"], ["withdrawn"]),
        (JobCancelled("export-1"), Ending.CANCELLED, ["complete"], ["withdrawn"]),
        (RowsMissing(3, 2), Ending.FAILED, ["complete", "fail ROWS_MISSING"], ["withdrawn"]),
        (StoreMismatch("a", "b"), Ending.FAILED, ["complete", "fail STORE_MISMATCH"], ["withdrawn", "mismatched"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ExportdError) else None,
)
async def test_a_file_that_was_refused_is_removed(
    refusal: ExportdError, ending: Ending, calls: list[str], seen: list[str]
) -> None:
    report = Report(Api([AWAY, refusal, None]))
    assert await report.reporting().outcome(BUILT) is ending
    assert report.api.calls == ["complete", *calls]
    assert report.place.seen == seen


async def test_a_failure_removes_the_file_before_it_is_told() -> None:
    report = Report(Api([AWAY]))
    assert await report.reporting().outcome(Failure(FailureCode.SOURCE_UNAVAILABLE, "away")) is Ending.ORPHANED
    assert report.place.seen == ["withdrawn"]


async def test_giving_back_is_tried_for_a_few_seconds_only() -> None:
    report = Report(Api([AWAY]))
    assert await report.reporting(for_s=3600).release() is Ending.RELEASED
    assert report.api.calls == ["release"]
