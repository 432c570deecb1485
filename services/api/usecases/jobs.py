"""The use cases of JobQueueService: what workers may do with the queue."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from services.api.domain import retry
from services.api.domain.export import Export
from services.api.domain.leases import Ability, Claimed, LeasePolicy, Standing
from services.api.domain.retry import Backoff
from services.api.domain.states import State
from services.api.metrics import ApiMetrics
from services.api.ports.leases import LeaseStore
from services.api.ports.live import Announcements, DetachedTasks, Poll, Workers
from services.api.secrets.passwords import Passwords, PasswordUnreadable
from services.api.usecases.publication import Files, Publication, check
from services.api.world import World
from services.contract.capabilities import EVERYTHING, Capabilities
from services.contract.codes import FailureCode
from services.contract.errors import Fenced, JobCancelled, LeaseLost, ShuttingDown, StoreMismatch
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
"""A poll ends up to a tenth earlier than asked for, so that polls do not come back all at once."""

PING_S = 15.0
WATCHED_HEARTBEAT = timedelta(milliseconds=250)
"""How often a worker reports while somebody watches one of its exports."""

LOST_ANSWER_AFTER = timedelta(seconds=2)
"""An unconfirmed lease that its worker does not list after so long was never heard of."""


MAX_JOBS = 16
"""Jobs in one answer: each may be some hundred kilobytes, and a message has its limit."""

PASSWORD_UNREADABLE = Failure(
    FailureCode.PASSWORD_UNREADABLE,
    "the password of this export cannot be read: the server's key was changed; create the export again",
)

SPEC_UNREADABLE = Failure(
    FailureCode.SPEC_UNREADABLE,
    "this version of exportd cannot read what another version stored of this export; create the export again",
)


class SpecUnreadable(Exception):
    """Nobody can build what this version cannot read."""


class Jobs:
    """Hands out jobs and takes results. Every verb on a job is fenced by its lease, in the store."""

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
    ) -> None:
        """`store_id` is the marker of the artifact store."""
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

    async def lease(
        self, worker_id: str, poll_id: str, max_jobs: int, wait_s: float, can: Capabilities = EVERYTHING
    ) -> list[Job]:
        """Jobs that the worker can do, as soon as there are some.

        None after `wait_s`, and for a worker that drains, is unhealthy, or was stopped in mid-poll. Raises
        ShuttingDown, StoreMismatch.
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
            with self._announcements.poll(worker_id, can) as poll:  # in line before the query: no work falls between
                try:
                    now = self._world.clock()
                    ability = Ability(can, await self._workers.able(but=worker_id))
                    claimed = await self._claim(worker_id, poll_id, min(max_jobs, MAX_JOBS), now, ability)
                    jobs = await self._jobs(claimed)
                    left = give_up - self._world.monotonic()
                    if jobs or left <= 0:
                        self._pass_on(poll)
                        return jobs
                    if not claimed:  # else none of them can be built: look for others
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
    ) -> HeartbeatAnswer:
        """Confirm and renew what still counts. A renewal is written only when it is due; a report is never a write."""
        worker = await self._workers.beat(
            worker_id, held=len(reports), free_slots=free_slots, draining=draining, problems=problems
        )
        now = self._world.clock()
        standings, unconfirmed = await asyncio.gather(  # read and answered together
            self._leases.standings([report.lease for report in reports]),
            self._leases.unconfirmed(worker_id, now if draining else now - LOST_ANSWER_AFTER),
        )
        due = [s.lease for s in standings if self._due(s, now)]
        if due:
            await self._detached.run(self._renew(worker_id, due, now))
        self._take_progress(reports, standings)
        return HeartbeatAnswer(
            verdicts=tuple(LeaseVerdict(s.lease.lease_id, s.verdict) for s in standings),
            missing=await self._missing(unconfirmed, reports, draining=draining),
            drain=worker.asked_to_drain,
            next_heartbeat_in=await self._next_heartbeat(standings),
        )

    async def directives(self) -> AsyncIterator[Directive]:
        """Hints and pings. Raises ShuttingDown when the api drains."""
        with self._announcements.directives() as hints:
            yield Directive(Hint.PING)  # at once: the caller knows that it is heard
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
        """Publish what the store really holds. Raises Fenced, RowsMissing, StoreMismatch, InvalidRequest."""
        check(built)
        export = await self._in_force(lease)
        await self._publication.inspect(lease, built)
        now = self._world.clock()
        await self._detached.run(self._complete(lease, self._publication.files(export, built, now), built.stats, now))

    async def fail(self, lease: LeaseRef, failure: Failure) -> None:
        """End an attempt; the policy here decides what comes next. Raises Fenced."""
        export = await self._leased(lease)
        fate = retry.decide(failure, export.attempt, export.max_attempts, self._world.random(), self._backoff)
        await self._detached.run(self._fail(lease, failure, fate))

    async def ability(self, worker_id: str) -> Capabilities:
        """What a worker said that it can do, when it asked for work last."""
        return await self._workers.ability(worker_id)

    async def release(self, leases: Sequence[LeaseRef]) -> None:
        """Give attempts back; leases that are no longer in force are skipped."""
        await self._detached.run(self._release(leases))

    async def expire(self) -> list[Export]:
        """End the leases that expired; returns their exports."""
        return await self._detached.run(self._expire())

    # ---- a change and its announcement, which stand together

    async def _renew(self, worker_id: str, leases: Sequence[LeaseRef], now: datetime) -> None:
        for export in await self._leases.renew(worker_id, leases, now):
            self._announcements.exported(export)

    async def _complete(self, lease: LeaseRef, files: Files, stats: RunStats, now: datetime) -> None:
        completed = await self._leases.complete(lease, files.table, stats, now, attachments=files.attachments)
        if completed:
            self._announcements.exported(completed)
            self._metrics.completed(completed)

    async def _fail(self, lease: LeaseRef, failure: Failure, fate: retry.Fate) -> None:
        failed = await self._leases.fail(lease, failure, fate, self._world.clock())
        if failed:
            self._announcements.exported(failed)

    async def _release(self, leases: Sequence[LeaseRef]) -> None:
        for export in await self._leases.release(leases, self._world.clock()):
            self._announcements.exported(export)

    async def _expire(self) -> list[Export]:
        expired = await self._leases.expire(self._world.clock())
        for export in expired:
            self._announcements.exported(export)
        return expired

    # ---- handing out

    async def _claim(
        self, worker_id: str, poll_id: str, max_jobs: int, now: datetime, ability: Ability
    ) -> list[Claimed]:
        """Claim in a task of its own: a call that is cut off in the middle gives back what nobody can receive."""
        claim = self._detached.start(self._leases.claim(worker_id, poll_id, max_jobs, now, ability))
        try:
            claimed = await asyncio.shield(claim)
        except asyncio.CancelledError:
            self._detached.start(self._give_back(claim))
            raise
        for one in claimed:
            self._metrics.leased(one.export)
            self._announcements.exported(one.export)
        return claimed

    async def _give_back(self, claim: asyncio.Task[list[Claimed]]) -> None:
        await self.release([claimed.ref for claimed in await claim])

    def _pass_on(self, poll: Poll | None) -> None:
        """A poll that leaves after it was woken wakes the next in line: what it was woken for may still be there."""
        if poll and poll.woken:
            self._announcements.work(poll.wanted)

    async def _seconds_to_next_due(self, now: datetime) -> float:
        """Counted from the `now` of the claim before: what became due since then is not skipped."""
        due = await self._leases.next_due(now)
        return max(0.0, (due - self._world.clock()).total_seconds()) if due else MAX_WAIT_S

    async def _jobs(self, claimed: Sequence[Claimed]) -> list[Job]:
        """What can be handed out. One that cannot be read ends here, and delays nobody else."""
        jobs: list[Job] = []
        for one in claimed:
            try:
                jobs.append(self._job(one))
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
        """Leases whose announcement was lost: sent again, or taken back from a worker that drains."""
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
        """As `_leased`, for those that still count: the file of another may be swept, which is no StoreMismatch."""
        (standing,) = await self._leases.standings([lease])
        if standing.verdict is Verdict.CANCELLED:
            raise JobCancelled(lease.export_id)
        if standing.export is None or standing.verdict is Verdict.LOST:
            raise LeaseLost(lease.export_id)
        return standing.export

    async def _leased(self, lease: LeaseRef) -> Export:
        """The export that a lease names, to decide with: the store decides whether the lease is still in force."""
        (standing,) = await self._leases.standings([lease])
        if standing.export is None:
            raise LeaseLost(lease.export_id)
        return standing.export
