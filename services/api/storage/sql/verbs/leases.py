"""What workers and the clock do with leases."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.api.domain.export import MAX_CODE_CHARACTERS, MAX_MESSAGE_CHARACTERS, Export, StoredFile
from services.api.domain.fairness import Shares
from services.api.domain.history import Actor
from services.api.domain.leases import Ability, Claimed, LeasePolicy, Standing
from services.api.domain.retry import Fate, GiveBack, GiveUp, RetryAfter
from services.api.domain.states import CancelReason, Event, sources, target
from services.api.storage.sql import transitions as changes
from services.api.storage.sql.column_types import UtcTime, to_micros
from services.api.storage.sql.history import History, worker_of
from services.api.storage.sql.reading_line import Candidate
from services.api.storage.sql.rows import EXPORT_COLUMNS, JOB_COLUMNS, Row, file_values, to_export, to_spec
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import exports, in_states
from services.api.storage.sql.turns import Asked, Turns
from services.contract.errors import ExportdError, JobCancelled, LeaseLost, RowsMissing
from services.contract.job import LeaseRef, Verdict
from services.contract.outcome import Failure, RunStats

_c = exports.c
_moment = sa.bindparam("moment", type_=UtcTime)
_next_due = sa.select(sa.func.min(_c.next_attempt_time)).where(
    in_states({target(Event.FAIL)}), _c.next_attempt_time > _moment
)

_unconfirmed = (
    sa.select(*EXPORT_COLUMNS, *JOB_COLUMNS)
    .where(
        in_states(sources(Event.EXPIRE_UNCONFIRMED)),
        _c.lease_worker_id == sa.bindparam("of_worker"),
        sa.not_(_c.lease_confirmed),
    )
    .order_by(_c.id)
)
_of_poll = _unconfirmed.where(_c.lease_poll_id == sa.bindparam("of_poll"))
_leased_before = _unconfirmed.where(_c.lease_create_time < _moment)

_by_ids = sa.select(*EXPORT_COLUMNS).where(_c.id.in_(sa.bindparam("ids", expanding=True)))


class LeaseVerbs:
    """The verbs of a LeaseStore."""

    def __init__(self, sql: Statements, policy: LeasePolicy, fairness: Shares) -> None:
        self._failures = sql.failures
        self._history = History(sql)
        self.turns = Turns(sql, fairness, policy.avoidance)
        self._policy = policy

    def claim(
        self, db: sa.Connection, worker_id: str, poll_id: str, limit: int, now: datetime, *, ability: Ability
    ) -> list[Claimed]:
        again = db.execute(_of_poll, {"of_worker": worker_id, "of_poll": poll_id}).mappings().all()
        if again:
            return [_claimed(row) for row in again]
        by = {"by_worker": worker_id, "by_poll": poll_id, "now": now, "until": now + self._policy.confirm_window}
        choice = self.turns.choose(db, Asked(worker_id, ability, limit, now))
        rows = [row for candidate in choice.taken if (row := _lease(db, candidate, by)) is not None]
        self._history.happened(db, Event.LEASE, rows, Actor.WORKER, worker_id=worker_id)
        self.turns.settle(db, choice)
        return [_claimed(row) for row in rows]

    def next_due(self, db: sa.Connection, now: datetime) -> datetime | None:
        return db.execute(_next_due, {"moment": now}).scalar()

    def unconfirmed(self, db: sa.Connection, worker_id: str, leased_before: datetime) -> list[Claimed]:
        rows = db.execute(_leased_before, {"of_worker": worker_id, "moment": leased_before}).mappings()
        return [_claimed(row) for row in rows]

    def standings(self, db: sa.Connection, leases: Sequence[LeaseRef]) -> list[Standing]:
        ids = sorted({lease.export_id for lease in leases})
        rows = {row["id"]: row for row in db.execute(_by_ids, {"ids": ids}).mappings()}
        return [_standing(rows.get(lease.export_id), lease) for lease in leases]

    def renew(self, db: sa.Connection, worker_id: str, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        policy = self._policy
        by = {"by_worker": worker_id, "until": now + policy.ttl, "longest": policy.run_timeout + policy.ttl}
        revived: list[Row] = []
        for lease in leases:
            of = {**by, "of_id": lease.export_id, "of_lease": lease.lease_id}
            if db.execute(changes.RENEW, of).first() is None:
                revived += db.execute(changes.REVIVE, {**of, "now": now}).mappings().all()
        return self._history.happened(db, Event.RENEW, revived, Actor.WORKER, worker_id=worker_id)

    def complete(
        self,
        db: sa.Connection,
        lease: LeaseRef,
        file: StoredFile,
        stats: RunStats,
        now: datetime,
        *,
        attachments: StoredFile | None,
    ) -> Export | None:
        if stats.rows_matched != stats.rows_written:
            raise RowsMissing(stats.rows_matched, stats.rows_written)
        of = {"of_id": lease.export_id, "of_lease": lease.lease_id, "now": now}
        row = db.execute(changes.COMPLETE, {**of, **file_values(file, stats, attachments)}).mappings().first()
        if row is not None:
            return self._by_worker(db, Event.COMPLETE, row, row["lease_worker_id"])
        there = _row(db, lease)
        if there is not None and _completed_with(there, lease, file.artifact.sha256):
            return None
        raise _why_fenced(there, lease)

    def fail(self, db: sa.Connection, lease: LeaseRef, failure: Failure, fate: Fate, now: datetime) -> Export | None:
        of = {"of_id": lease.export_id, "of_lease": lease.lease_id, "now": now}
        error = {"code": failure.code[:MAX_CODE_CHARACTERS], "message": failure.message[:MAX_MESSAGE_CHARACTERS]}
        for event, change, more in self._fates(fate, error, now):
            row = db.execute(change, {**of, **more}).mappings().first()
            if row is not None:
                reason = f"{error['code']}: {error['message']}"
                return self._by_worker(db, event, row, worker_of(db, lease.export_id), reason)
        there = _row(db, lease)
        if there is not None and _failed_before(there, lease):
            return None
        raise _why_fenced(there, lease)

    def _fates(
        self, fate: Fate, error: Mapping[str, str], now: datetime
    ) -> Iterator[tuple[Event, sa.Update, Mapping[str, Any]]]:
        """What to try, in this order: giving back once more than is allowed changes nothing."""
        told = {**error, "now_micros": to_micros(now)}
        match fate:
            case GiveBack(otherwise):
                yield Event.GIVE_BACK, changes.GIVE_BACK, {"given_back_limit": self._policy.given_back_limit}
                yield from self._fates(otherwise, error, now)
            case RetryAfter(delay):
                yield Event.FAIL, self._failures.fail, {**told, "due": now + delay}
            case GiveUp(reason):
                yield Event.GIVE_UP, self._failures.give_up, {**told, "reason": reason}

    def _by_worker(self, db: sa.Connection, event: Event, row: Row, worker_id: str, reason: str = "") -> Export:
        (export,) = self._history.happened(db, event, [row], Actor.WORKER, worker_id=worker_id, reason=reason)
        return export

    def release(self, db: sa.Connection, leases: Sequence[LeaseRef], now: datetime) -> list[Export]:
        released = []
        for lease in leases:
            of = {"of_id": lease.export_id, "of_lease": lease.lease_id, "now": now}
            row = db.execute(changes.RELEASE, of).mappings().first()
            if row is not None:
                released.append(self._by_worker(db, Event.RELEASE, row, worker_of(db, lease.export_id)))
        return released

    def expire(self, db: sa.Connection, now: datetime) -> list[Export]:
        at = {"now": now, "now_micros": to_micros(now), "unconfirmed_limit": self._policy.unconfirmed_limit}
        expired = []
        for event, change in self._expiries():
            rows = db.execute(change, at).mappings().all()
            expired += self._history.happened(db, event, rows, Actor.CLOCK)
        return expired

    def _expiries(self) -> Iterator[tuple[Event, sa.Update]]:
        """An unconfirmed lease gives the attempt back until there were too many; then it ends like a confirmed one."""
        yield Event.EXPIRE_UNCONFIRMED, changes.EXPIRE_UNCONFIRMED
        yield Event.EXPIRE_LAST, self._failures.expire_last
        yield Event.EXPIRE, self._failures.expire


def _lease(db: sa.Connection, candidate: Candidate, by: Mapping[str, Any]) -> Row | None:
    of = {"of_id": candidate.export_id, "of_requirement": candidate.requirement, "new_lease": secrets.token_hex(16)}
    return db.execute(changes.LEASE, {**of, **by}).mappings().first()


def _claimed(row: Row) -> Claimed:
    return Claimed(to_export(row), row["lease_id"], to_spec(row), row["sealed_password"])


def _standing(row: Row | None, lease: LeaseRef) -> Standing:
    """A completed lease stands: its worker may not know yet, and must not sweep what is published."""
    if row is None:
        return Standing(lease, Verdict.LOST)
    if row["deleted_time"] is not None or _cancelled_under(row, lease):
        return Standing(lease, Verdict.CANCELLED, export=to_export(row))
    if row["lease_id"] != lease.lease_id:
        return Standing(lease, Verdict.LOST, export=to_export(row))
    return Standing(
        lease,
        Verdict.KEEP,
        confirmed=row["lease_confirmed"],
        expired=row["state"] is target(Event.EXPIRE),
        expire_time=row["lease_expire_time"],
        export=to_export(row),
    )


def _cancelled_under(row: Row, lease: LeaseRef) -> bool:
    return row["cancel_reason"] is CancelReason.REQUESTED and row["ended_lease_id"] == lease.lease_id


def _completed_with(row: Row, lease: LeaseRef, sha256: str) -> bool:
    same = (row["lease_id"], row["file_sha256"]) == (lease.lease_id, sha256)
    return row["state"] is target(Event.COMPLETE) and same


def _failed_before(row: Row, lease: LeaseRef) -> bool:
    return row["ended_lease_id"] == lease.lease_id and not _cancelled_under(row, lease)


def _row(db: sa.Connection, lease: LeaseRef) -> Row | None:
    return db.execute(_by_ids, {"ids": [lease.export_id]}).mappings().first()


def _why_fenced(row: Row | None, lease: LeaseRef) -> ExportdError:
    cancelled = _standing(row, lease).verdict is Verdict.CANCELLED
    return JobCancelled(lease.export_id) if cancelled else LeaseLost(lease.export_id)
