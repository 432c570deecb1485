"""The worker's loops and how they begin and end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from services.contract.job import Job
from services.runtime import logs
from services.runtime.signals import StopSignals
from services.worker.supervisor.attempt import Attempt, WorkerContext
from services.worker.supervisor.contact import Contact
from services.worker.supervisor.directives import Directives
from services.worker.supervisor.health import Health
from services.worker.supervisor.heartbeat import Heartbeat
from services.worker.supervisor.leases import Leases
from services.worker.supervisor.leasing import Leasing
from services.worker.supervisor.outcome_log import Ending
from services.worker.supervisor.preview_loop import Previewing
from services.worker.supervisor.probing import Probing

_LAST_WORDS_S = 10.0
"""How long attempts may take to end after all of them were told to stop."""


class Engine:
    """Leases jobs, runs them and reports their outcomes, until `stop` asks for a drain."""

    def __init__(self, context: WorkerContext, slots: int, drain_grace: timedelta, stop: StopSignals) -> None:
        self._context = context
        self._queue = context.queue
        self._drain_grace_s = drain_grace.total_seconds()
        self._stop = stop
        self._contact = Contact(context.world.monotonic)
        self._woken = asyncio.Event()
        self._leases = Leases(slots, context.queue, self._attempt, self._woken.set)
        self._health = Health(context.world, Probing(context), self._health_changed)
        self._leasing = Leasing(context, self._leases, self._contact, self._health)
        context.metrics.follow(lambda: self._leases.busy, self.ready, lambda: len(self._health.problems()))

    def ready(self) -> bool:
        """Whether the api answers and the worker is healthy."""
        return self._contact.fresh() and self._health.fit

    async def run(self) -> None:
        """Run until the worker has drained. Raises CannotStart when the api uses another artifact store."""
        async with self._leases, self._health, asyncio.TaskGroup() as loops:
            beating = loops.create_task(self._heartbeat().run(self._woken))
            listening = loops.create_task(self._directives().run())
            leasing = asyncio.create_task(self._leasing.run())
            previewing = loops.create_task(Previewing(self._context, self._leases, self._in_touch).run())
            draining = asyncio.create_task(self._stop.drain.wait())
            try:
                await asyncio.wait({leasing, draining}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for loop in (leasing, draining, previewing):
                    loop.cancel()
            await self._drained()
            beating.cancel()
            listening.cancel()
        await asyncio.wait({leasing})
        if not leasing.cancelled():
            leasing.result()

    async def _in_touch(self) -> None:
        """Wait until the worker is healthy and the api answers."""
        await self._health.until_fit()
        await self._contact.confirmed.wait()

    def _health_changed(self) -> None:
        """Send a heartbeat at once, and take no new work before the api has answered it."""
        self._contact.news()
        self._woken.set()
        self._leasing.ability_changed()

    def _attempt(self, job: Job, freed: Callable[[], None]) -> Attempt:
        return Attempt(job, self._context, freed, self._health.heard)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(
            self._queue,
            self._contact,
            self._leases,
            self._context.world,
            drain=self._stop.drain.set,
            problems=self._health.problems,
            orphan_timeout_s=self._context.orphan_timeout_s,
        )

    def _directives(self) -> Directives:
        return Directives(
            self._queue,
            self._leases,
            self._context.world,
            beat_now=self._woken.set,
            drain=self._stop.drain.set,
        )

    # ---- draining

    async def _drained(self) -> None:
        """Let running attempts end within the grace period or until the second signal, then give back the rest."""
        logs.get().info("draining", running=self._leases.busy, grace_s=self._drain_grace_s)
        self._leases.draining = True
        self._woken.set()
        none_left = asyncio.create_task(self._leases.until_none())
        now = asyncio.create_task(self._stop.now.wait())
        await asyncio.wait({none_left, now}, timeout=self._drain_grace_s, return_when=asyncio.FIRST_COMPLETED)
        now.cancel()
        self._leases.stop_all(Ending.RELEASED)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await none_left
        logs.get().info("drained", left=self._leases.busy)
