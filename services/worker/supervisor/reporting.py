"""Telling the api how an attempt went, until it answers."""

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
"""How long giving a lease back is tried: one that is not given back expires."""


class Place(Protocol):
    """Where an attempt's file is."""

    async def withdraw(self) -> None:
        """Remove the file: nothing points at it."""
        ...

    def mismatched(self, mismatch: errors.StoreMismatch) -> Failure:
        """The api does not see the file, or another store; how the attempt failed then."""
        ...


@dataclass(frozen=True, slots=True)
class Reporting:
    """The reports of one attempt.

    Only the answer to a report says what the outcome is worth. Unanswered ones are repeated for `for_s` seconds, or
    until `stopped` has a result: that is the ending then.
    """

    queue: JobQueue
    lease: LeaseRef
    place: Place
    stopped: asyncio.Future[Ending]
    for_s: float
    reference: str
    world: World

    async def outcome(self, outcome: Outcome) -> Ending:
        """The ending that the api's answer makes of it."""
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
        """Another worker may serve it: the api gives the attempt back, as long as that is allowed."""
        return await self._fail(self.place.mismatched(mismatch))

    async def _complete(self, built: Built) -> Ending:
        """When nobody answers, the file stays: it may have been published."""
        try:
            await self._persist(lambda: self.queue.complete(self.lease, built), self.for_s)
        except errors.TryAgain:
            return self._unanswered()
        except errors.ExportdError as refused:
            await self.place.withdraw()
            return await self._refused(refused)
        return Ending.COMPLETED

    async def _refused(self, refused: errors.ExportdError) -> Ending:
        """What is left to do when the api does not take the file."""
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
        """Call until it is answered; TryAgain when it is given up: after `for_s`, or when the attempt is stopped."""
        until = self.world.monotonic() + for_s
        heeding = not self.stopped.done()  # what comes after a stop has only its time as a limit
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
