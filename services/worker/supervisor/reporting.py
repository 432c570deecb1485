"""Reports the outcome of an attempt to the api, and repeats the report until it is answered."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from services.contract import errors
from services.contract.codes import FailureCode
from services.contract.job import LeaseRef
from services.contract.outcome import Built, Failure
from services.runtime import logs
from services.worker.child.main import internal
from services.worker.order import Outcome
from services.worker.ports import JobQueue
from services.worker.supervisor.outcome_log import Ending
from services.worker.world import World

_RELEASE_FOR_S = 5.0
"""How long giving back a lease is retried. A lease that is not given back expires."""


class Place(Protocol):
    """The files of an attempt, and the store that holds them."""

    async def withdraw(self) -> None:
        """Delete the files. No export refers to them."""
        ...

    def mismatched(self, mismatch: errors.StoreMismatch) -> Failure:
        """Take note that the api does not see the file or uses another store. Return the failure of the attempt."""
        ...


@dataclass(frozen=True, slots=True)
class Reporting:
    """The reports of one attempt.

    Only the api's answer decides how the attempt ends. An unanswered report is repeated for `for_s` seconds or until
    `stopped` has a result, which is then the ending.
    """

    queue: JobQueue
    lease: LeaseRef
    place: Place
    stopped: asyncio.Future[Ending]
    for_s: float
    reference: str
    world: World

    async def outcome(self, outcome: Outcome) -> Ending:
        """Report the outcome. Return the ending that results from the api's answer."""
        if isinstance(outcome, Built):
            return await self._complete(outcome)
        await self.place.withdraw()
        return await self._fail(outcome)

    async def release(self) -> Ending:
        """Give the lease back."""
        try:
            await self._persist(lambda: self.queue.release([self.lease]), _RELEASE_FOR_S)
        except errors.ExportdError as unanswered:
            logs.get().warning("release_unanswered", reference=self.reference, reason=unanswered.reason)
        return Ending.RELEASED

    async def mismatch(self, mismatch: errors.StoreMismatch) -> Ending:
        """Report that the stores differ.

        While that is allowed, the api gives the job back so that another worker can build it.
        """
        return await self._fail(self.place.mismatched(mismatch))

    async def _complete(self, built: Built) -> Ending:
        """Report the file. If the api does not answer, the file stays, because it may have been published."""
        try:
            await self._persist(lambda: self.queue.complete(self.lease, built), self.for_s)
        except errors.TryAgain:
            return self._unanswered()
        except errors.ExportdError as refused:
            await self.place.withdraw()
            return await self._refused(refused)
        return Ending.COMPLETED

    async def _refused(self, refused: errors.ExportdError) -> Ending:
        """Handle the api's refusal of a file."""
        match refused:
            case errors.Fenced():
                return _fenced(refused)
            case errors.StoreMismatch():
                return await self.mismatch(refused)
            case errors.RowsMissing():
                return await self._fail(Failure(FailureCode.ROWS_MISSING, str(refused)))
            case _:
                logs.get().error("completion_refused", reference=self.reference, reason=refused.reason)
                return await self._fail(internal(self.reference))

    async def _fail(self, failure: Failure) -> Ending:
        try:
            await self._persist(lambda: self.queue.fail(self.lease, failure), self.for_s)
        except errors.Fenced as fenced:
            return _fenced(fenced)
        except errors.TryAgain:
            return self._unanswered()
        except errors.ExportdError as refused:
            logs.get().error("failure_refused", reference=self.reference, reason=refused.reason)
        return Ending.FAILED

    def _unanswered(self) -> Ending:
        return self.stopped.result() if self.stopped.done() else Ending.ORPHANED

    async def _persist(self, call: Callable[[], Awaitable[None]], for_s: float) -> None:
        """Repeat a call until it is answered. Raises TryAgain after `for_s` seconds or when the attempt is stopped."""
        until = self.world.monotonic() + for_s
        heeding = not self.stopped.done()  # a call that begins after the stop is limited by its time only
        for pause in self.world.pauses():
            try:
                return await call()
            except (errors.TryAgain, errors.Broken) as unanswered:
                await self._pause(pause, heeding=heeding)
                if self.world.monotonic() > until or (heeding and self.stopped.done()):
                    raise errors.StoreUnavailable from unanswered
        return None

    async def _pause(self, pause_s: float, *, heeding: bool) -> None:
        if heeding:
            await asyncio.wait({self.stopped}, timeout=pause_s)
        else:
            await asyncio.sleep(pause_s)


def _fenced(refused: errors.Fenced) -> Ending:
    return Ending.CANCELLED if isinstance(refused, errors.JobCancelled) else Ending.LOST
