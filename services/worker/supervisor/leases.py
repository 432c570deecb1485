"""The leases that this worker holds."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from services.contract.errors import ExportdError
from services.contract.job import Job, LeaseReport
from services.runtime import logs
from services.runtime.tasks.ending import end_tasks
from services.worker.ports import JobQueue
from services.worker.supervisor.attempt import Attempt
from services.worker.supervisor.outcome_log import Ending

_REMEMBERED = 10_000
_MAX_LEASES = 128
"""Limit of attempts, including those whose outcome is not yet reported. It is half of what a heartbeat may list."""

CONFIRM_AFTER_S = 0.25
"""How long a new lease waits for a heartbeat of its own. A small export is completed by then, which confirms it."""

Make = Callable[[Job, Callable[[], None]], Attempt]
"""Makes the attempt for a job. The attempt must call the callable when its slot becomes free."""


class Leases:
    """The attempts of this worker by lease. `async with` owns their tasks.

    At most `slots` attempts work at the same time. `draining` is set once no new work is taken. `woken` is called for
    each lease that has not been confirmed after CONFIRM_AFTER_S. Work does not wait for that.
    """

    def __init__(self, slots: int, queue: JobQueue, make: Make, woken: Callable[[], None]) -> None:
        self.draining = False
        self._slots = slots
        self._queue = queue
        self._make = make
        self._woken = woken
        self._attempts: dict[str, Attempt] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_tasks(*self._tasks)

    @property
    def busy(self) -> int:
        """Number of slots with work."""
        return sum(attempt.busy for attempt in self._attempts.values())

    @property
    def free(self) -> int:
        """Number of slots without work, whether or not new work is taken."""
        return max(0, min(self._slots - self.busy, _MAX_LEASES - len(self._attempts)))

    def find(self, lease_id: str) -> Attempt | None:
        """Return the attempt under a lease; None when the lease is not held (any more)."""
        return self._attempts.get(lease_id)

    def reports(self) -> list[LeaseReport]:
        """Return a report of every lease that is held."""
        return [attempt.report() for attempt in self._attempts.values()]

    def adopt(self, job: Job) -> None:
        """Begin an attempt for a job, unless its lease has been seen before. Without a free slot, give the job back."""
        if job.lease.lease_id in self._seen:
            return
        if self.draining or not self.free:
            self.decline(job)
            return
        self._remember(job.lease.lease_id)
        attempt = self._make(job, self._changed.set)
        self._attempts[job.lease.lease_id] = attempt
        self._start(self._run(attempt))
        asyncio.get_running_loop().call_later(CONFIRM_AFTER_S, self._confirm, attempt)

    def decline(self, job: Job) -> None:
        """Give back a job that cannot begin now."""
        self._start(self._give_back(job))

    def stop_all(self, why: Ending) -> None:
        """Stop every attempt."""
        for attempt in self._attempts.values():
            attempt.stop(why)

    async def until_free(self) -> int:
        """Wait for a free slot. Return the number of free slots."""
        while not self.free:
            await self._change()
        return self.free

    async def until_none(self) -> None:
        """Wait until no lease is held."""
        while self._attempts:
            await self._change()

    def _confirm(self, attempt: Attempt) -> None:
        if attempt.busy and not attempt.confirmed:
            self._woken()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _run(self, attempt: Attempt) -> None:
        try:
            await attempt.run()
        finally:
            del self._attempts[attempt.job.lease.lease_id]
            self._changed.set()

    async def _give_back(self, job: Job) -> None:
        try:
            await self._queue.release([job.lease])
        except ExportdError as error:  # the unconfirmed lease then expires, which does not use up an attempt
            logs.get().warning("release_unanswered", export_id=job.lease.export_id, reason=error.reason)

    def _remember(self, lease_id: str) -> None:
        self._seen[lease_id] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
