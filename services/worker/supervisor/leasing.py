"""Leasing of jobs: as many as there are free slots, of the kinds that this worker can build now."""

import asyncio

from services.contract.capabilities import Capabilities, built_in
from services.contract.codes import FailureCode
from services.contract.errors import ExportdError, StoreMismatch
from services.contract.job import Job
from services.runtime import logs
from services.runtime.startup import CannotStart
from services.worker.ports import StoreUnavailable
from services.worker.supervisor.attempt import WorkerContext
from services.worker.supervisor.contact import Contact
from services.worker.supervisor.health import Health
from services.worker.supervisor.leases import Leases

POLL_S = 20.0
_BUILT_IN = frozenset(built_in())


class Leasing:
    """Polls the queue until cancelled. `run` raises CannotStart when the first answer is STORE_MISMATCH."""

    def __init__(self, context: WorkerContext, leases: Leases, contact: Contact, health: Health) -> None:
        self._context = context
        self._leases = leases
        self._contact = contact
        self._health = health
        self._ability_changed = asyncio.Event()
        self._was_answered = False

    def ability_changed(self) -> None:
        """Cut off the open poll, because the capabilities that it named have changed."""
        self._ability_changed.set()

    async def run(self) -> None:
        """Poll while heartbeats are answered and the worker is healthy. Raises CannotStart."""
        while True:
            await self._health.until_fit()
            await self._contact.confirmed.wait()
            for job in await self._polled(await self._leases.until_free()):
                if self._health.fit:
                    self._leases.adopt(job)
                else:  # the worker became unhealthy while the answer arrived
                    self._leases.decline(job)

    async def _polled(self, free: int) -> list[Job]:
        """Return the jobs of one poll.

        An unanswered poll is repeated with the same id, so that its jobs are not lost. Returns no jobs when the
        capabilities change in the meantime. Jobs that were leased at that moment are given back by the api, because
        nobody receives its answer, or a heartbeat reports them as missing.
        """
        poll_id = self._context.world.new_id()
        self._ability_changed.clear()
        for pause in self._context.world.pauses():
            try:
                jobs = await self._asked(poll_id, free)
            except StoreMismatch as mismatch:
                self._mismatched(mismatch)
                return []
            except StoreUnavailable as unavailable:
                self._context.store.tell_unavailable(unavailable)
                self._health.fall_ill(FailureCode.STORE_UNAVAILABLE)
                return []
            except ExportdError as error:
                logs.get().warning("poll_unanswered", reason=error.reason, message=str(error))
                await asyncio.sleep(pause)
            else:
                self._contact.answered()
                self._was_answered = True
                return jobs
        return []

    async def _asked(self, poll_id: str, free: int) -> list[Job]:
        can = await self._capabilities()
        polling = asyncio.create_task(self._context.queue.lease(poll_id, free, POLL_S, can))
        changing = asyncio.create_task(self._ability_changed.wait())
        try:
            await asyncio.wait({polling, changing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changing.cancel()
            answered = polling.done()
            polling.cancel()
        return polling.result() if answered else []

    async def _capabilities(self) -> Capabilities:
        """Return the current capabilities. Sources and store may change, so each poll sends them again.

        Raises StoreUnavailable.
        """
        names = _BUILT_IN | self._context.sources.current.capabilities(but=self._health.lost_sources)
        store = self._context.store
        return Capabilities(names, store.known_id() or await asyncio.to_thread(store.store_id))

    def _mismatched(self, mismatch: StoreMismatch) -> None:
        """Refuse to start when the first poll finds another store, which is a mistake in the settings.

        Later, wait for the store.
        """
        self._contact.answered()
        self._context.store.tell(mismatch)
        if not self._was_answered:
            raise CannotStart(
                f"EXPORTD_ARTIFACTS is {self._context.sink.location}, where there is {mismatch.expected}, and the api "
                f"has {mismatch.found}: give both services the same EXPORTD_ARTIFACTS (or EXPORTD_DATA_DIR)"
            )
        self._health.fall_ill(FailureCode.STORE_MISMATCH)
