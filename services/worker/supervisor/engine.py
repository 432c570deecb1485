"""The worker's loops and how they begin and end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from services.contract.capabilities import Capabilities, built_in
from services.contract.errors import ExportdError
from services.contract.job import Job
from services.runtime import logs
from services.runtime.signals import StopSignals
from services.worker.supervisor.attempt import Attempt, WorkerContext
from services.worker.supervisor.contact import Contact
from services.worker.supervisor.directives import Directives
from services.worker.supervisor.heartbeat import Heartbeat
from services.worker.supervisor.leases import Leases
from services.worker.supervisor.outcome_log import Ending
from services.worker.supervisor.preview_loop import Previewing

POLL_S = 20.0
_LAST_WORDS_S = 10.0
"""What is left to end by itself once everything was told to stop."""


class Engine:
    """Leases jobs, runs them, reports them, until `stop` says otherwise."""

    def __init__(self, context: WorkerContext, slots: int, drain_grace: timedelta, stop: StopSignals) -> None:
        self._context = context
        self._queue = context.queue
        self._drain_grace_s = drain_grace.total_seconds()
        self._stop = stop
        self._contact = Contact(context.world.monotonic)
        self._woken = asyncio.Event()
        self._leases = Leases(slots, context.queue, self._attempt, self._woken.set)
        context.metrics.follow(lambda: self._leases.busy, self.ready)

    def ready(self) -> bool:
        """The api answers, and the artifact store is the one it means."""
        return self._contact.fresh() and self._context.store.matches

    async def run(self) -> None:
        """Returns when the worker has drained."""
        async with self._leases, asyncio.TaskGroup() as loops:
            beating = loops.create_task(self._heartbeat().run(self._woken))
            listening = loops.create_task(self._directives().run())
            leasing = loops.create_task(self._lease())
            previewing = loops.create_task(Previewing(self._context, self._leases, self._contact.confirmed.wait).run())
            await self._stop.drain.wait()
            leasing.cancel()
            previewing.cancel()
            await self._drained()
            beating.cancel()
            listening.cancel()

    def _attempt(self, job: Job, freed: Callable[[], None]) -> Attempt:
        return Attempt(job, self._context, freed)

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(
            self._queue,
            self._contact,
            self._leases,
            self._context.world,
            drain=self._stop.drain.set,
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

    # ---- leasing

    async def _lease(self) -> None:
        """Ask for as many jobs as there are free slots, while heartbeats are answered and the store is right."""
        while True:
            await self._context.store.pause()
            await self._contact.confirmed.wait()
            for job in await self._polled(await self._leases.until_free()):
                self._leases.adopt(job)

    async def _polled(self, free: int) -> list[Job]:
        """The answer to one poll, repeated under the same name until it is answered: its jobs are not lost then."""
        poll_id = self._context.world.new_id()
        for pause in self._context.world.pauses():
            try:
                jobs = await self._queue.lease(poll_id, free, POLL_S, await self._capabilities())
            except ExportdError as error:
                logs.get().warning("poll_unanswered", reason=error.reason, message=str(error))
                await asyncio.sleep(pause)
            else:
                self._contact.answered()
                return jobs
        return []

    async def _capabilities(self) -> Capabilities:
        """As the sources and the store are now: each poll tells them anew."""
        names = frozenset(built_in()) | self._context.sources.current.capabilities()
        return Capabilities(names, await asyncio.to_thread(self._context.sink.store_id))

    # ---- draining

    async def _drained(self) -> None:
        """Let running work end within the grace period, or until the second signal; give back what is left."""
        logs.get().info("draining", running=self._leases.busy, grace_s=self._drain_grace_s)
        self._leases.draining = True
        self._woken.set()
        self._leases.stop_all(Ending.RELEASED, unconfirmed_only=True)
        none_left = asyncio.create_task(self._leases.until_none())
        now = asyncio.create_task(self._stop.now.wait())
        await asyncio.wait({none_left, now}, timeout=self._drain_grace_s, return_when=asyncio.FIRST_COMPLETED)
        now.cancel()
        self._leases.stop_all(Ending.RELEASED)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await none_left
        logs.get().info("drained", left=self._leases.busy)
