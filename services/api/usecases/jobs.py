"""The use cases of JobQueueService: what workers do with the queue."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.api.domain import retry
from services.api.domain.export import Export
from services.api.domain.leases import EVERYWHERE, Ability, Claimed, LeasePolicy, Reach, Standing
from services.api.domain.retry import Backoff
from services.api.domain.states import State
from services.api.metrics import ApiMetrics
from services.api.ports.leases import LeaseStore
from services.api.ports.live import Announcements, DetachedTasks, Poll, Workers
from services.api.secrets.passwords import PasswordKeyUnknown, Passwords, PasswordUnreadable
from services.api.usecases.publication import Files, Publication, check
from services.api.usecases.traces import ExportTraces
from services.api.world import World
from services.contract.capabilities import EVERYTHING, Capabilities
from services.contract.codes import FailureCode
from services.contract.errors import (
    ExportdError,
    Fenced,
    InvalidRequest,
    JobCancelled,
    LeaseLost,
    ShuttingDown,
    StoreMismatch,
)
from services.contract.job import (
    Directive,
    HeartbeatAnswer,
    Hint,
    Job,
    LeaseRef,
    LeaseReport,
    LeaseVerdict,
    Verdict,
    WorkerProblem,
)
from services.contract.outcome import Built, Failure, RunStats
from services.contract.store import artifact_prefix
from services.runtime import logs

MAX_WAIT_S = 25.0
JITTER = 0.1
"""Polls end up to this fraction earlier than asked for, so that they do not all come back at once."""

PING_S = 15.0
WATCHED_HEARTBEAT = timedelta(milliseconds=250)
"""Interval of a worker's heartbeats while somebody watches one of its exports."""

LOST_ANSWER_AFTER = timedelta(seconds=2)
"""An unconfirmed lease that its worker does not list after this time was never received by the worker."""


MAX_JOBS = 16
"""Most jobs in one answer. A job may have several hundred kilobytes, and the size of a message is limited."""

_MAX_HANDED_OUT = 1024
"""Exports that are kept in memory while they are built. Others are read when they are completed."""

PASSWORD_UNREADABLE = Failure(
    FailureCode.PASSWORD_UNREADABLE,
    "the password of this export cannot be read: the server's key was changed; create the export again",
)

SERVER_KEY_UNKNOWN = Failure(
    FailureCode.INTERNAL,
    "the api process that handed this export out does not have the server's key for its password",
)
"""It is retried: while keys are rotated, another process, or this one a little later, may have the key."""

SPEC_UNREADABLE = Failure(
    FailureCode.SPEC_UNREADABLE,
    "this version of exportd cannot read what another version stored of this export; create the export again",
)


class SpecUnreadable(Exception):
    """The stored specification cannot be read by this version of exportd, so nobody can build the export."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """What completes an export at the time `now`."""

    lease: LeaseRef
    files: Files
    stats: RunStats
    now: datetime


class Jobs:
    """Hands out jobs and takes results. The store refuses every call for a lease that is no longer in force."""

    def __init__(
        self,
        *,
        leases: LeaseStore,
        store_id: str,
        publication: Publication,
        passwords: Passwords,
        announcements: Announcements,
        workers: Workers,
        detached: DetachedTasks,
        metrics: ApiMetrics,
        policy: LeasePolicy,
        backoff: Backoff,
        world: World,
        traces: ExportTraces | None = None,
    ) -> None:
        """`store_id` is the id in the marker of the artifact store."""
        self._leases = leases
        self._store_id = store_id
        self._publication = publication
        self._passwords = passwords
        self._announcements = announcements
        self._workers = workers
        self._detached = detached
        self._metrics = metrics
        self._policy = policy
        self._backoff = backoff
        self._world = world
        self._traces = traces or ExportTraces()
        self._handed_out: dict[LeaseRef, Export] = {}

    async def lease(
        self, worker_id: str, poll_id: str, max_jobs: int, wait_s: float, can: Capabilities = EVERYTHING
    ) -> list[Job]:
        """Return up to `max_jobs` jobs that the worker can do, as soon as there are any.

        Return none after `wait_s` seconds, and to a worker that drains, is unhealthy, or was suspended during the poll.
        Raises ShuttingDown, StoreMismatch.
        """
        give_up = self._world.monotonic() + min(wait_s, MAX_WAIT_S) * (1 - JITTER * self._world.random())
        await self._workers.polled(worker_id, can)
        if not can.sees(self._store_id):
            raise StoreMismatch(f"the store {can.store_id or '(none)'}", f"the store {self._store_id}")
        last: Poll | None = None
        while True:
            if self._announcements.draining:
                raise ShuttingDown
            if not await self._workers.takes_work(worker_id, self._policy.ttl):
                self._pass_on(last)
                return []
            with self._announcements.poll(worker_id, can) as poll:  # before the query: no work is missed
                try:
                    now = self._world.clock()
                    ability = Ability(can, await self._workers.able(but=worker_id))
                    claimed = await self._claim(worker_id, poll_id, min(max_jobs, MAX_JOBS), now, ability)
                    jobs = await self._jobs(claimed)
                    left = give_up - self._world.monotonic()
                    if jobs or left <= 0:
                        self._pass_on(poll)
                        self._look_on(last, jobs)
                        return jobs
                    if not claimed:  # otherwise none of them can be built: look for others
                        await poll.wait(min(left, await self._seconds_to_next_due(now)))
                        last = poll
                except BaseException:
                    self._pass_on(poll)
                    raise

    async def heartbeat(
        self,
        worker_id: str,
        reports: Sequence[LeaseReport],
        free_slots: int,
        *,
        draining: bool,
        problems: tuple[WorkerProblem, ...] = (),
        reach: Reach = EVERYWHERE,
    ) -> HeartbeatAnswer:
        """Confirm and renew the leases that are still in force, and return the verdict on each.

        A renewal is written only when it is due. Progress is never written. Jobs that the worker has not heard of are
        sent again if its credentials allow them: an id alone proves nothing.
        """
        worker = await self._workers.beat(
            worker_id, held=len(reports), free_slots=free_slots, draining=draining, problems=problems
        )
        now = self._world.clock()
        standings, unconfirmed = await asyncio.gather(  # both are read at once
            self._leases.standings([report.lease for report in reports]),
            self._leases.unconfirmed(worker_id, now if draining else now - LOST_ANSWER_AFTER),
        )
        due = [s.lease for s in standings if self._due(s, now)]
        if due:
            await self._detached.run(self._renew(worker_id, due, now))
        self._take_progress(reports, standings)
        return HeartbeatAnswer(
            verdicts=tuple(LeaseVerdict(s.lease.lease_id, s.verdict) for s in standings),
            missing=await self._missing([c for c in unconfirmed if _covers(reach, c)], reports, draining=draining),
            drain=worker.asked_to_drain,
            next_heartbeat_in=await self._next_heartbeat(standings),
        )

    async def directives(self) -> AsyncIterator[Directive]:
        """Yield hints and pings. Raises ShuttingDown when the api drains."""
        with self._announcements.directives() as hints:
            yield Directive(Hint.PING)  # at once, so that the caller knows that the stream works
            while not self._announcements.draining:
                try:
                    async with asyncio.timeout(PING_S):
                        hint = await hints.get()
                except TimeoutError:
                    hint = Directive(Hint.PING)
                if not self._announcements.draining:
                    yield hint
        raise ShuttingDown

    async def complete(self, lease: LeaseRef, built: Built) -> None:
        """Complete an export with the files that the store really holds.

        Raises Fenced, RowsMissing, StoreMismatch, InvalidRequest.
        """
        await self.publish(await self.inspected(lease, built))

    async def inspected(self, lease: LeaseRef, built: Built) -> "Inspected":
        """Return what completes an export: the files, which the store really holds.

        Raises Fenced, RowsMissing, StoreMismatch, InvalidRequest.
        """
        check(built)
        export = self._handed_out.get(lease) or await self._in_force(lease)
        try:
            await self._publication.inspect(lease, built)
            now = self._world.clock()
            return Inspected(lease, self._publication.files(export, built, now), built.stats, now)
        except (StoreMismatch, InvalidRequest):
            await self._in_force(lease)  # the files of a lost lease may have been swept
            raise

    async def publish(self, inspected: "Inspected") -> None:
        """Complete an export with its files. Raises Fenced."""
        await self._detached.run(self._complete(inspected))
        self._handed_out.pop(inspected.lease, None)

    def count_fenced(self, verb: str, refusals: Iterable[ExportdError | None]) -> None:
        """Count the jobs of a call for several whose lease is no longer in force."""
        for refusal in refusals:
            if isinstance(refusal, Fenced):
                self._metrics.fenced(verb)

    async def fail(self, lease: LeaseRef, failure: Failure) -> None:
        """End an attempt. The retry policy of the api decides what follows. Raises Fenced."""
        export = await self._leased(lease)
        fate = retry.decide(failure, export.attempt, export.max_attempts, self._world.random(), self._backoff)
        await self._detached.run(self._fail(lease, failure, fate))

    async def ability(self, worker_id: str) -> Capabilities:
        """Return the capabilities that a worker stated when it last asked for work."""
        return await self._workers.ability(worker_id)

    async def release(self, leases: Sequence[LeaseRef]) -> None:
        """Give back the attempts of leases. Leases that are no longer in force are skipped."""
        await self._detached.run(self._release(leases))

    async def expire(self) -> list[Export]:
        """End the leases that expired, and return their exports."""
        return await self._detached.run(self._expire())

    # ---- each change with its announcement

    async def _renew(self, worker_id: str, leases: Sequence[LeaseRef], now: datetime) -> None:
        for export in await self._leases.renew(worker_id, leases, now):
            self._announcements.exported(export)

    async def _complete(self, of: "Inspected") -> None:
        files = of.files
        completed = await self._leases.complete(of.lease, files.table, of.stats, of.now, attachments=files.attachments)
        if completed:
            self._announcements.exported(completed)
            self._metrics.completed(completed)

    async def _fail(self, lease: LeaseRef, failure: Failure, fate: retry.Fate) -> None:
        failed = await self._leases.fail(lease, failure, fate, self._world.clock())
        self._handed_out.pop(lease, None)
        if failed:
            self._announcements.exported(failed)

    async def _release(self, leases: Sequence[LeaseRef]) -> None:
        for export in await self._leases.release(leases, self._world.clock()):
            self._announcements.exported(export)

    async def _expire(self) -> list[Export]:
        expired = await self._leases.expire(self._world.clock())
        for export in expired:
            self._announcements.exported(export)
            self._traces.expired(export)
        return expired

    # ---- handing out

    async def _claim(
        self, worker_id: str, poll_id: str, max_jobs: int, now: datetime, ability: Ability
    ) -> list[Claimed]:
        """Claim in a detached task.

        If the call is cancelled in the middle, the leases that nobody can receive are given back.
        """
        claim = self._detached.start(self._leases.claim(worker_id, poll_id, max_jobs, now, ability))
        try:
            claimed = await asyncio.shield(claim)
        except asyncio.CancelledError:
            self._detached.start(self._give_back(claim))
            raise
        for one in claimed:
            self._hand_out(one)
            self._metrics.leased(one.export)
            self._traces.leased(one)
            self._announcements.exported(one.export)
        return claimed

    def _hand_out(self, one: Claimed) -> None:
        """Keep what was asked for: the completion is compared with it. It cannot change while the lease lasts."""
        self._handed_out[one.ref] = one.export
        if len(self._handed_out) > _MAX_HANDED_OUT:
            del self._handed_out[next(iter(self._handed_out))]

    async def _give_back(self, claim: asyncio.Task[list[Claimed]]) -> None:
        await self.release([claimed.ref for claimed in await claim])

    def _pass_on(self, poll: Poll | None) -> None:
        """Wake the next poll if this one leaves after it was woken.

        The work that it was woken for may still be there.
        """
        if poll and poll.woken:
            self._announcements.work(poll.wanted, tenant=poll.tenant)

    def _look_on(self, poll: Poll | None, jobs: Sequence[Job]) -> None:
        """Wake the next poll if one that was woken without a known requirement found something: there may be more."""
        if jobs and poll and poll.woken and poll.wanted is None:
            self._announcements.work()

    async def _seconds_to_next_due(self, now: datetime) -> float:
        """Return the seconds until the next export is due.

        Exports that became due since `now`, the time of the claim before, count as due.
        """
        due = await self._leases.next_due(now)
        return max(0.0, (due - self._world.clock()).total_seconds()) if due else MAX_WAIT_S

    async def _jobs(self, claimed: Sequence[Claimed]) -> list[Job]:
        """Return the jobs that can be handed out. An export that cannot be read ends here, and delays no other one."""
        jobs: list[Job] = []
        for one in claimed:
            try:
                jobs.append(self._job(one))
            except PasswordKeyUnknown as unknown:
                logs.get().error("server_key_unknown", key=unknown.key_id or "first", export_id=one.export.id)
                await self._end(one, SERVER_KEY_UNKNOWN)
            except PasswordUnreadable:
                await self._end(one, PASSWORD_UNREADABLE)
            except SpecUnreadable:
                await self._end(one, SPEC_UNREADABLE)
        return jobs

    async def _end(self, claimed: Claimed, failure: Failure) -> None:
        logs.get().error("export_unreadable", export_id=claimed.export.id, code=failure.code)
        with suppress(Fenced):
            await self.fail(claimed.ref, failure)

    def _job(self, claimed: Claimed) -> Job:
        export, sealed = claimed.export, claimed.sealed_password
        if claimed.spec is None:
            raise SpecUnreadable
        return Job(
            lease=claimed.ref,
            attempt=export.attempt,
            max_attempts=export.max_attempts,
            lease_ttl=self._policy.ttl,
            heartbeat_interval=self._policy.heartbeat_interval,
            run_timeout=self._policy.run_timeout,
            spec=claimed.spec,
            artifact_prefix=artifact_prefix(claimed.ref),
            store_id=self._store_id,
            password=self._passwords.opened(sealed, export.id) if sealed else "",
            trace=export.trace,
        )

    def _due(self, standing: Standing, now: datetime) -> bool:
        if standing.verdict is not Verdict.KEEP or standing.expire_time is None:
            return False
        return standing.expired or not standing.confirmed or self._policy.renewal_due(standing.expire_time - now)

    def _take_progress(self, reports: Sequence[LeaseReport], standings: Sequence[Standing]) -> None:
        for report, standing in zip(reports, standings, strict=True):
            building = standing.export is not None and standing.export.state is State.PROCESSING
            if report.progress and building and standing.verdict is Verdict.KEEP:
                self._announcements.progressed(report.lease.export_id, report.progress)

    async def _missing(
        self, unconfirmed: Sequence[Claimed], reports: Sequence[LeaseReport], *, draining: bool
    ) -> tuple[Job, ...]:
        """Return the jobs of leases whose answer was lost. If the worker drains, give these back instead."""
        known = {report.lease.lease_id for report in reports}
        lost = [claimed for claimed in unconfirmed if claimed.lease_id not in known]
        if draining:
            await self.release([claimed.ref for claimed in lost])
            return ()
        return tuple(await self._jobs(lost[:MAX_JOBS]))

    async def _next_heartbeat(self, standings: Sequence[Standing]) -> timedelta:
        export_ids = [standing.lease.export_id for standing in standings if standing.verdict is Verdict.KEEP]
        return WATCHED_HEARTBEAT if await self._announcements.watched(export_ids) else self._policy.heartbeat_interval

    async def _in_force(self, lease: LeaseRef) -> Export:
        """Return the export of a lease that is in force. Raises JobCancelled, LeaseLost."""
        (standing,) = await self._leases.standings([lease])
        if standing.verdict is Verdict.CANCELLED:
            raise JobCancelled(lease.export_id)
        if standing.export is None or standing.verdict is Verdict.LOST:
            raise LeaseLost(lease.export_id)
        return standing.export

    async def _leased(self, lease: LeaseRef) -> Export:
        """Return the export that a lease names.

        The store decides later whether the lease is still in force. Raises LeaseLost.
        """
        (standing,) = await self._leases.standings([lease])
        if standing.export is None:
            raise LeaseLost(lease.export_id)
        return standing.export


def _covers(reach: Reach, claimed: Claimed) -> bool:
    return reach.covers(claimed.export.requirement, claimed.export.tenant)
