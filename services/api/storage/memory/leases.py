"""The store of leases in memory."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from services.api.domain.export import (
    MAX_CODE_CHARACTERS,
    MAX_ERRORS,
    MAX_MESSAGE_CHARACTERS,
    Export,
    JobError,
    StoredFile,
)
from services.api.domain.fairness import Fairness
from services.api.domain.history import Actor
from services.api.domain.leases import EXPIRED_CODE, EXPIRED_MESSAGE, UNLIMITED, Ability, Claimed, LeasePolicy, Standing
from services.api.domain.retry import Fate, GiveBack, GiveUp, RetryAfter
from services.api.domain.states import CancelReason, Event, State, sources, target
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.line import in_turn
from services.api.storage.memory.records import Lease, Record
from services.contract.errors import ExportdError, JobCancelled, LeaseLost, RowsMissing
from services.contract.job import LeaseRef, Verdict
from services.contract.outcome import Failure, RunStats


class MemoryLeaseStore:
    """A LeaseStore in memory."""

    def __init__(self, data: MemoryData, policy: LeasePolicy, fairness: Fairness) -> None:
        self._data = data
        self._policy = policy
        self._fairness = fairness

    async def claim(
        self,
        worker_id: str,
        poll_id: str,
        limit: int,
        now: datetime,
        ability: Ability = UNLIMITED,
    ) -> list[Claimed]:
        again = [each for each, lease in self._unconfirmed(worker_id) if lease.poll_id == poll_id]
        if again:
            return [_claimed(record) for record in again]
        until = now + self._policy.confirm_window
        claimed: list[Claimed] = []
        may_have = partial(self._may_have, worker_id, ability, now)
        for record in in_turn(self._data, self._fairness, now, may_have):
            self._lease(record, Lease(secrets.token_hex(16), worker_id, poll_id, now, until))
            claimed.append(_claimed(self._data.records[record.export.id]))
            if len(claimed) == limit:
                break
        return claimed

    def _may_have(self, worker_id: str, ability: Ability, now: datetime, record: Record) -> bool:
        export = record.export
        lately = export.given_back_by == worker_id and export.update_time > now - self._policy.avoidance
        needs, tenant = export.requirement, export.tenant
        return ability.may_have(needs, tenant) and not (lately and ability.others_could(needs, tenant))

    def _lease(self, record: Record, lease: Lease) -> None:
        now = lease.create_time
        changed = {"attempt": record.export.attempt + 1, "start_time": now, "next_attempt_time": None}
        changed |= {"given_back_by": ""}
        beside: dict[str, Any] = {"lease": lease, "lease_count": record.lease_count + 1}
        by = lease.worker_id
        self._data.happen(record, Event.LEASE, now, Actor.WORKER, worker_id=by, changed=changed, **beside)

    async def next_due(self, now: datetime) -> datetime | None:
        failed = (record.export.next_attempt_time for record in self._data.within(target(Event.FAIL)))
        return min((due for due in failed if due is not None and due > now), default=None)

    async def standings(self, leases: Sequence[LeaseRef]) -> list[Standing]:
        return [_standing(self._data.records.get(lease.export_id), lease) for lease in leases]

    async def renew(self, worker_id: str, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        revived = []
        for record, lease in self._in_force(leases, Event.RENEW):
            longest = (record.export.start_time or now) + self._policy.run_timeout + self._policy.ttl
            until = min(now + self._policy.ttl, longest)
            renewed = replace(lease, worker_id=worker_id, confirmed=True, expire_time=until)
            if record.export.state is target(Event.RENEW):
                self._data.keep(replace(record, lease=renewed))
            elif longest > now:
                revived.append(self._revive(record, renewed, now))
        return revived

    def _revive(self, record: Record, lease: Lease, now: datetime) -> Export:
        changed = {"next_attempt_time": None}
        by = lease.worker_id
        return self._data.happen(record, Event.RENEW, now, Actor.WORKER, worker_id=by, changed=changed, lease=lease)

    async def unconfirmed(self, worker_id: str, leased_before: datetime) -> list[Claimed]:
        unconfirmed = self._unconfirmed(worker_id)
        return [_claimed(record) for record, lease in unconfirmed if lease.create_time < leased_before]

    async def complete(
        self,
        lease: LeaseRef,
        file: StoredFile,
        stats: RunStats,
        now: datetime,
        *,
        attachments: StoredFile | None = None,
    ) -> Export | None:
        if stats.rows_matched != stats.rows_written:
            raise RowsMissing(stats.rows_matched, stats.rows_written)
        for record, held in self._in_force([lease], Event.COMPLETE):
            changed = _over(now) | _lasted(record.export, now)
            changed |= {"file": file, "attachments_file": attachments, "stats": stats}
            beside: dict[str, Any] = {"lease": replace(held, confirmed=True), "sealed_password": None}
            by = held.worker_id
            return self._data.happen(record, Event.COMPLETE, now, Actor.WORKER, worker_id=by, changed=changed, **beside)
        if _completed_with(self._data.records.get(lease.export_id), lease, file):
            return None
        raise self._why_fenced(lease)

    async def fail(self, lease: LeaseRef, failure: Failure, fate: Fate, now: datetime) -> Export | None:
        for record, held in self._in_force([lease], Event.FAIL):
            code, message = failure.code[:MAX_CODE_CHARACTERS], failure.message[:MAX_MESSAGE_CHARACTERS]
            changed = _failed(record.export, code, message, now)
            beside: dict[str, Any] = {"lease": None, "ended_lease_id": lease.lease_id}
            by: dict[str, str] = {"worker_id": held.worker_id, "reason": f"{code}: {message}"}
            match self._counted(record, fate):
                case GiveBack():
                    event, changed = Event.GIVE_BACK, _attempt_given_back(record.export)
                    changed["given_back_by"] = held.worker_id
                    beside["given_back_count"] = record.given_back_count + 1
                case RetryAfter(delay):
                    event, changed = Event.FAIL, changed | {"next_attempt_time": now + delay}
                case GiveUp(reason):
                    event, changed = Event.GIVE_UP, changed | _over(now) | {"cancel_reason": reason}
                    beside["sealed_password"] = None
            return self._data.happen(record, event, now, Actor.WORKER, changed=changed, **by, **beside)
        if _failed_before(self._data.records.get(lease.export_id), lease):
            return None
        raise self._why_fenced(lease)

    def _counted(self, record: Record, fate: Fate) -> Fate:
        """Return the fate after counting. An export that was given back too often is not given back again."""
        too_often = record.given_back_count + 1 >= self._policy.given_back_limit
        return fate.otherwise if isinstance(fate, GiveBack) and too_often else fate

    async def release(self, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        return [
            self._data.happen(
                record,
                Event.RELEASE,
                now,
                Actor.WORKER,
                worker_id=held.worker_id,
                changed=_attempt_given_back(record.export),
                lease=None,
            )
            for record, held in self._in_force(leases, Event.RELEASE)
        ]

    async def expire(self, now: datetime) -> list[Export]:
        leased = [*self._data.within(*sources(Event.EXPIRE))]
        return [self._expire(each, each.lease, now) for each in leased if each.lease and each.lease.expire_time <= now]

    def _expire(self, record: Record, lease: Lease, now: datetime) -> Export:
        """End an expired lease.

        An unconfirmed lease gives the attempt back, unless there were too many of them; then it ends like a confirmed
        one.
        """
        export, unconfirmed = record.export, record.unconfirmed_count + 1
        if not lease.confirmed and unconfirmed < self._policy.unconfirmed_limit:
            back = _attempt_given_back(export)
            beside: dict[str, Any] = {"lease": None, "unconfirmed_count": unconfirmed}
            return self._data.happen(record, Event.EXPIRE_UNCONFIRMED, now, Actor.CLOCK, changed=back, **beside)
        failed = _failed(export, EXPIRED_CODE, EXPIRED_MESSAGE, now)
        if export.attempt < export.max_attempts:
            # The lease stays: a late answer is accepted until another worker leases the export.
            changed = failed | {"next_attempt_time": now}
            return self._data.happen(record, Event.EXPIRE, now, Actor.CLOCK, changed=changed)
        ended = failed | _over(now) | {"cancel_reason": CancelReason.RETRIES_EXHAUSTED}
        over: dict[str, Any] = {"lease": None, "sealed_password": None}
        return self._data.happen(record, Event.EXPIRE_LAST, now, Actor.CLOCK, changed=ended, **over)

    def _in_force(self, leases: Sequence[LeaseRef], event: Event) -> Iterator[tuple[Record, Lease]]:
        """Yield those of these leases under which the event may happen, each as it is at that moment."""
        for ref in leases:
            record = self._data.records.get(ref.export_id)
            if record and record.lease and record.holds(ref) and record.export.state in sources(event):
                yield record, record.lease

    def _unconfirmed(self, worker_id: str) -> Iterator[tuple[Record, Lease]]:
        for record in self._data.within(*sources(Event.EXPIRE_UNCONFIRMED)):
            lease = record.lease
            if lease and lease.worker_id == worker_id and not lease.confirmed:
                yield record, lease

    def _why_fenced(self, lease: LeaseRef) -> ExportdError:
        cancelled = _standing(self._data.records.get(lease.export_id), lease).verdict is Verdict.CANCELLED
        return JobCancelled(lease.export_id) if cancelled else LeaseLost(lease.export_id)


def _claimed(record: Record) -> Claimed:
    lease_id = record.lease.id if record.lease else ""
    return Claimed(record.export, lease_id, record.spec, record.sealed_password)


def _standing(record: Record | None, lease: LeaseRef) -> Standing:
    """Return the standing of a lease.

    A completed lease is kept: its worker may not know yet that it completed, and must not delete the published file.
    """
    if record is None:
        return Standing(lease, Verdict.LOST)
    if record.deleted_time is not None or _cancelled_under(record, lease):
        return Standing(lease, Verdict.CANCELLED, export=record.export)
    if record.lease is None or not record.holds(lease):
        return Standing(lease, Verdict.LOST, export=record.export)
    return Standing(
        lease,
        Verdict.KEEP,
        confirmed=record.lease.confirmed,
        expired=record.export.state is target(Event.EXPIRE),
        expire_time=record.lease.expire_time,
        export=record.export,
    )


def _cancelled_under(record: Record, lease: LeaseRef) -> bool:
    return record.export.cancel_reason is CancelReason.REQUESTED and record.ended_lease_id == lease.lease_id


def _completed_with(record: Record | None, lease: LeaseRef, file: StoredFile) -> bool:
    if record is None or record.export.file is None or record.export.state is not State.COMPLETED:
        return False
    return record.holds(lease) and record.export.file.artifact.sha256 == file.artifact.sha256


def _failed_before(record: Record | None, lease: LeaseRef) -> bool:
    return record is not None and record.ended_lease_id == lease.lease_id and not _cancelled_under(record, lease)


def _over(now: datetime) -> dict[str, Any]:
    return {"end_time": now, "next_attempt_time": None}


def _lasted(export: Export, now: datetime) -> dict[str, Any]:
    return {"duration": now - export.start_time if export.start_time else None}


def _failed(export: Export, code: str, message: str, now: datetime) -> dict[str, Any]:
    error = JobError(export.attempt, code, message, now, export.run)
    return _lasted(export, now) | {"errors": (*export.errors, error)[-MAX_ERRORS:]}


def _attempt_given_back(export: Export) -> dict[str, Any]:
    return {"attempt": export.attempt - 1, "start_time": export.start_time if export.attempt > 1 else None}
