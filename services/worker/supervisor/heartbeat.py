"""The heartbeat: one call for all leases, and the handling of its answer."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from services.contract.errors import ExportdError
from services.contract.job import HeartbeatAnswer, LeaseVerdict, Verdict, WorkerProblem
from services.runtime import logs
from services.worker.ports import JobQueue
from services.worker.supervisor.contact import Contact
from services.worker.supervisor.leases import Leases
from services.worker.supervisor.outcome_log import Ending
from services.worker.world import World

_MIN_PAUSE_S = 0.05


class Heartbeat:
    """Sends heartbeats until cancelled: at the interval that the api asks for, and at once when woken.

    While the api does not answer, work goes on for `orphan_timeout_s` seconds; then every lease is dropped. `drain` is
    called when the api asks this worker to stop. `problems` are sent with each heartbeat.
    """

    def __init__(
        self,
        queue: JobQueue,
        contact: Contact,
        leases: Leases,
        world: World,
        *,
        drain: Callable[[], None],
        problems: Callable[[], Sequence[WorkerProblem]],
        orphan_timeout_s: float,
    ) -> None:
        self._queue = queue
        self._contact = contact
        self._leases = leases
        self._drain = drain
        self._problems = problems
        self._orphan_timeout_s = orphan_timeout_s
        self._world = world
        self._pauses = self._retries()
        self._in_touch: bool | None = None

    async def run(self, woken: asyncio.Event) -> None:
        """Send heartbeats until cancelled. Setting `woken` requests one at once; this method clears it."""
        while True:
            woken.clear()  # cleared before the leases are listed, so that any later change triggers another heartbeat
            pause_s = await self._beat()
            if not self._contact.confirmed.is_set():
                await asyncio.sleep(pause_s)  # even news must wait, so that the api can recover
                continue
            try:
                async with asyncio.timeout(pause_s):
                    await woken.wait()
            except TimeoutError:
                continue

    async def _beat(self) -> float:
        """Send one heartbeat. Return the seconds until the next one."""
        try:
            answer = await self._queue.heartbeat(
                self._leases.reports(), self._leases.free, draining=self._leases.draining, problems=self._problems()
            )
        except ExportdError as error:
            return self._unanswered(error)
        self._answered(answer)
        return max(_MIN_PAUSE_S, answer.next_heartbeat_in.total_seconds())

    def _unanswered(self, error: ExportdError) -> float:
        if self._in_touch is not False:  # log it once, not for each retry
            logs.get().warning("heartbeat_unanswered", reason=error.reason, message=str(error))
        self._in_touch = False
        self._contact.heartbeat_lost()
        if self._contact.silent_s() > self._orphan_timeout_s:
            self._leases.stop_all(Ending.ORPHANED)
        return next(self._pauses)

    def _answered(self, answer: HeartbeatAnswer) -> None:
        if not self._in_touch:
            logs.get().info("heartbeat_answered")
        self._in_touch = True
        self._contact.heartbeat_answered()
        self._pauses = self._retries()
        for verdict in answer.verdicts:
            self._heed(verdict)
        for job in answer.missing:
            self._leases.adopt(job)
        if answer.drain:
            self._drain()

    def _heed(self, verdict: LeaseVerdict) -> None:
        attempt = self._leases.find(verdict.lease_id)
        if attempt is None:
            return
        match verdict.verdict:
            case Verdict.KEEP:
                attempt.confirm()
            case Verdict.CANCELLED:
                attempt.stop(Ending.CANCELLED)
            case Verdict.LOST:
                attempt.stop(Ending.LOST)

    def _retries(self) -> Iterator[float]:
        """Return the pauses between retries. They stay short because leases expire in the meantime."""
        return self._world.pauses(max_s=2.0)
