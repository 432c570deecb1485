"""What failed in the worker's own environment, and what it takes no work for until that is well again.

A failure of the artifact store, the disk or the memory makes the worker unhealthy as a whole; one of its connection to
a source keeps it from that source alone. It waits, twice as long after each failure, and then tries that very thing
until it works. Only a file that was built shortens the waiting again: what can be reached may still fail at once.
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
from services.worker.order import Outcome
from services.worker.world import World

FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0

WHOLE = ""
"""In place of a source: the worker takes no work at all."""

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
"""Whether a source can be had, or with WHOLE, whether files can be written and memory is there. Raises nothing."""


@dataclass(frozen=True, slots=True)
class _Illness:
    code: str
    since: float
    healing: asyncio.Task[None]


class Health:
    """Illnesses by source; `async with` owns their tasks. `changed` is called whenever one begins or ends."""

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
        tasks = [illness.healing for illness in self._ill.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def fit(self) -> bool:
        """False while no work at all is taken."""
        return WHOLE not in self._ill

    @property
    def lost_sources(self) -> frozenset[str]:
        """Sources that cannot be had now."""
        return frozenset(self._ill) - {WHOLE}

    def problems(self) -> Sequence[WorkerProblem]:
        """For the api: those of the worker as a whole first."""
        now = self._world.monotonic()
        return [
            WorkerProblem(ill.code, source, timedelta(seconds=now - ill.since))
            for source, ill in sorted(self._ill.items())
        ]

    async def until_fit(self) -> None:
        """Wait until work may be taken."""
        await self._fit.wait()

    def heard(self, job: Job, outcome: Outcome) -> None:
        """Of an attempt that ended."""
        match outcome:
            case Built():
                for proven in (WHOLE, job.spec.source.id, *(each.source.id for each in job.spec.attachments)):
                    self._pauses.pop(proven, None)
            case Failure(code=code) if code in OF_WORKER:
                self.fall_ill(code)
            case Failure(code=code, source_id=source_id) if code in OF_SOURCE and source_id:
                self.fall_ill(code, source_id)

    def fall_ill(self, code: str, source_id: str = WHOLE) -> None:
        """Take no work that needs it until it is there again."""
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
