"""Hints from the api. They save time; losing one has no other effect."""

import asyncio
from collections.abc import Callable, Iterator

from services.contract.errors import ExportdError
from services.contract.job import Directive, Hint
from services.runtime import logs
from services.worker.ports import JobQueue
from services.worker.supervisor.leases import Leases
from services.worker.supervisor.outcome_log import Ending
from services.worker.world import World


class Directives:
    """Listens for hints until cancelled, and reconnects when the stream ends or breaks."""

    def __init__(
        self,
        queue: JobQueue,
        leases: Leases,
        world: World,
        *,
        beat_now: Callable[[], None],
        drain: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._leases = leases
        self._beat_now = beat_now
        self._drain = drain
        self._world = world
        self._pauses: Iterator[float] = world.pauses()

    async def run(self) -> None:
        """Listen until cancelled. Never returns."""
        while True:
            try:
                await self._listen()
            except ExportdError as error:
                logs.get().debug("hints_interrupted", reason=error.reason)
            await asyncio.sleep(next(self._pauses))  # an api that is shutting down must not be called in a tight loop

    async def _listen(self) -> None:
        async for directive in self._queue.directives():
            self._pauses = self._world.pauses()
            self._heed(directive)

    def _heed(self, directive: Directive) -> None:
        match directive.hint:
            case Hint.CANCEL:
                attempt = self._leases.find(directive.lease_id)
                if attempt is not None:
                    attempt.stop(Ending.CANCELLED)
            case Hint.PROGRESS_WANTED:
                self._beat_now()
            case Hint.DRAIN:
                self._drain()
            case Hint.PING:
                pass
