"""Health of the worker: failures of its own environment, and the work that it does not take until they are over.

A failure of the artifact store, the disk or the memory makes the whole worker unhealthy. A failed connection to a
source only keeps the worker from jobs of that source. A probe then tests the failed part again and again, after a pause
that doubles with each failure. Only a successfully built file resets the pauses, because a part that answers a probe
may still fail in the next job.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

from services.contract.codes import FailureCode
from services.contract.job import Job, WorkerProblem
from services.contract.outcome import Built, Failure
from services.runtime import logs
from services.runtime.tasks.ending import end_tasks
from services.worker.order import Outcome
from services.worker.world import World

FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0

WHOLE = ""
"""Stands for the whole worker where a source id is expected: the worker takes no work at all."""

OF_WORKER = frozenset(
    {
        FailureCode.DISK_FULL,
        FailureCode.OUT_OF_MEMORY,
        FailureCode.STORE_MISMATCH,
        FailureCode.STORE_UNAVAILABLE,
    }
)
OF_SOURCE = frozenset({FailureCode.SOURCE_UNREACHABLE, FailureCode.SOURCE_UNKNOWN})

Probe = Callable[[str], Awaitable[bool]]
"""Tests a source, or, for WHOLE, the artifact store, the scratch folder and the memory.

Returns whether it works, and never raises.
"""


@dataclass(frozen=True, slots=True)
class _Illness:
    code: str
    since: float
    healing: asyncio.Task[None]


class Health:
    """The worker's problems by source.

    `async with` owns the tasks that probe them. `changed` is called whenever a problem begins or ends.
    """

    def __init__(self, world: World, probe: Probe, changed: Callable[[], None]) -> None:
        self._world = world
        self._probe = probe
        self._changed = changed
        self._ill: dict[str, _Illness] = {}
        self._pauses: dict[str, Iterator[float]] = {}
        self._fit = asyncio.Event()
        self._fit.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_tasks(*(illness.healing for illness in self._ill.values()))

    @property
    def fit(self) -> bool:
        """False while the worker takes no work at all."""
        return WHOLE not in self._ill

    @property
    def lost_sources(self) -> frozenset[str]:
        """The sources that the worker cannot use now."""
        return frozenset(self._ill) - {WHOLE}

    def problems(self) -> Sequence[WorkerProblem]:
        """Return the problems for the api, those of the whole worker first."""
        now = self._world.monotonic()
        return [
            WorkerProblem(ill.code, source, timedelta(seconds=now - ill.since))
            for source, ill in sorted(self._ill.items())
        ]

    async def until_fit(self) -> None:
        """Wait until the worker may take work."""
        await self._fit.wait()

    def heard(self, job: Job, outcome: Outcome) -> None:
        """Take note of the outcome of an attempt: a failure may begin a problem, a built file resets the pauses."""
        match outcome:
            case Built():
                for proven in (WHOLE, job.spec.source.id, *(each.source.id for each in job.spec.attachments)):
                    self._pauses.pop(proven, None)
            case Failure(code=code) if code in OF_WORKER:
                self.fall_ill(code)
            case Failure(code=code, source_id=source_id) if code in OF_SOURCE and source_id:
                self.fall_ill(code, source_id)

    def fall_ill(self, code: str, source_id: str = WHOLE) -> None:
        """Take no work that needs this source (or, for WHOLE, no work at all) until a probe succeeds."""
        if source_id in self._ill:
            return
        pauses = self._pauses.setdefault(source_id, self._world.pauses(FIRST_PAUSE_S, MAX_PAUSE_S))
        healing = asyncio.create_task(self._heal(source_id, pauses))
        self._ill[source_id] = _Illness(code, self._world.monotonic(), healing)
        if not self.fit:
            self._fit.clear()
        logs.get().warning("worker_unhealthy", code=code, source=source_id)
        self._changed()

    async def _heal(self, source_id: str, pauses: Iterator[float]) -> None:
        for pause in pauses:
            await asyncio.sleep(pause)
            if await self._probe(source_id):
                break
        illness = self._ill.pop(source_id)
        if self.fit:
            self._fit.set()
        after_s = round(self._world.monotonic() - illness.since, 1)
        logs.get().info("worker_healthy", code=illness.code, source=source_id, after_s=after_s)
        self._changed()
