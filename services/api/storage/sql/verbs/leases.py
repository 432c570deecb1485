"""What workers and the clock do with leases."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.api.domain.export import Export
from services.api.domain.fairness import Shares
from services.api.domain.history import Actor
from services.api.domain.leases import Claimed, LeasePolicy, Standing
from services.api.domain.states import CancelReason, Event, target
from services.api.storage.sql import transitions as changes
from services.api.storage.sql.column_types import UtcTime, to_micros
from services.api.storage.sql.history import history_of, worker_of
from services.api.storage.sql.listed import in_rounds
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.rows import (
    EXPORT_COLUMNS,
    Row,
    to_export,
    to_spec,
)
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import exports, in_states
from services.api.storage.sql.turns import Asked, Choice, PollKey, Turns
from services.api.storage.sql.verbs.lease_reports import Completion, Failed, Release, Renewal
from services.api.storage.sql.verbs.lease_statements import lease_statements, unconfirmed
from services.contract.errors import ExportdError, JobCancelled, LeaseLost, RowsMissing
from services.contract.job import LeaseRef, Verdict

_c = exports.c
_moment = sa.bindparam("moment", type_=UtcTime)
_next_due = Prepared(
    sa.select(sa.func.min(_c.next_attempt_time).label("due")).where(
        in_states({target(Event.FAIL)}), _c.next_attempt_time > _moment
    )
)

_leased_before = Prepared(
    unconfirmed.where(_c.lease_worker_id == sa.bindparam("of_worker"), _c.lease_create_time < _moment)
)

_by_id = Prepared(sa.select(*EXPORT_COLUMNS).where(_c.id == sa.bindparam("of_id")))


class LeaseVerbs:
    """The verbs of a LeaseStore."""

    def __init__(self, sql: Statements, policy: LeasePolicy, fairness: Shares) -> None:
        self._one_writer = sql.dialect.one_writer
        self._failures = sql.failures
        self._history = history_of(sql)
        self.turns = Turns(sql, fairness, policy.avoidance)
        self._policy = policy
        self._sql = lease_statements(sql)

    def claim(self, db: sa.Connection, asked: Sequence[Asked]) -> list[list[Claimed] | Exception]:
        """Claim exports for polls. A ListVerb.

        Polls of workers with the same abilities are served in one call, one after the other.
        """
        leased = self._leased_to(db, asked)
        new: dict[PollKey, Asked] = {}
        for poll in asked:
            if poll.key not in leased:
                new.setdefault(poll.key, poll)
        choices: list[Choice] = []
        for polls in self.turns.in_one_go(db, [*new.values()]):
            leased |= self._lease(db, polls, choices)
        self.turns.leave(db, choices)
        return [leased[poll.key] if new.get(poll.key) is poll else _in_order(leased[poll.key]) for poll in asked]

    def _leased_to(self, db: sa.Connection, asked: Sequence[Asked]) -> dict[PollKey, list[Claimed]]:
        """Return what each poll has already leased but not confirmed. Polls without such leases are left out."""
        claims: dict[PollKey, list[Claimed]] = {}
        for row in self._unconfirmed_of(db, sorted({poll.key for poll in asked})):
            claims.setdefault((row["lease_worker_id"], row["lease_poll_id"]), []).append(_claimed(row))
        return claims

    def _unconfirmed_of(self, db: sa.Connection, keys: Sequence[PollKey]) -> list[dict[str, Any]]:
        if self._one_writer and len(keys) == 1:
            ((worker, poll),) = keys
            return self._sql.of_poll.all(db, {"of_worker": worker, "of_poll": poll})
        return self._sql.of_polls.all(db, {"given": json.dumps(keys)})

    def _lease(self, db: sa.Connection, polls: Sequence[Asked], choices: list[Choice]) -> dict[PollKey, list[Claimed]]:
        now = max(poll.now for poll in polls)
        choice = self.turns.choose(db, polls, now)
        choices.append(choice)
        by = [poll for poll in polls for _ in range(poll.limit)]
        given = [
            {
                "of_id": candidate.export_id,
                "of_requirement": candidate.requirement,
                "new_lease": secrets.token_hex(16),
                "by_worker": poll.worker_id,
                "by_poll": poll.poll_id,
                "now": now,
                "until": now + self._policy.confirm_window,
            }
            for candidate, poll in zip(choice.taken, by, strict=False)
        ]
        if not self._one_writer:
            given = self._free(db, given)
        rows = {row["id"]: row for row in self._sql.leasing.changed(db, given)}
        in_turn = [rows[each["of_id"]] for each in given if each["of_id"] in rows]
        self._history.happened(db, Event.LEASE, in_turn, Actor.WORKER, worker_id=_holder)
        self.turns.settle(db, choice, rows.keys())
        leased: dict[PollKey, list[Claimed]] = {poll.key: [] for poll in polls}
        for row in in_turn:
            leased[row["lease_worker_id"], row["lease_poll_id"]].append(_claimed(row))
        return leased

    def _free(self, db: sa.Connection, given: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return those whose export no other transaction is about to change. From now on none can."""
        ids = sorted((each["of_id"],) for each in given)
        free = {row["id"] for row in self._sql.free.all(db, {"given": json.dumps(ids)})} if ids else ()
        return [each for each in given if each["of_id"] in free]

    def next_due(self, db: sa.Connection, now: datetime) -> datetime | None:
        due: datetime | None = _next_due.scalar(db, {"moment": now})
        return due

    def unconfirmed(self, db: sa.Connection, worker_id: str, leased_before: datetime) -> list[Claimed]:
        rows = _leased_before.all(db, {"of_worker": worker_id, "moment": leased_before})
        return [_claimed(row) for row in rows]

    def standings(self, db: sa.Connection, leases: Sequence[LeaseRef]) -> list[Standing]:
        ids = sorted({(lease.export_id,) for lease in leases})
        rows = {row["id"]: row for row in self._sql.asked_for.all(db, {"given": json.dumps(ids)})}
        return [_standing(rows.get(lease.export_id), lease) for lease in leases]

    def renew(self, db: sa.Connection, asked: Sequence[Renewal]) -> list[list[Export] | Exception]:
        """Renew leases. A ListVerb."""
        given = {lease: self._renewed(renewal, lease) for renewal in asked for lease in renewal.leases}
        renewed = {LeaseRef(row["id"], row["lease_id"]) for row in self._sql.renewing.changed(db, given.values())}
        return [self._revive(db, renewal, renewed) for renewal in asked]

    def _renewed(self, renewal: Renewal, lease: LeaseRef) -> dict[str, Any]:
        policy = self._policy
        by = {"by_worker": renewal.worker_id, "until": renewal.now + policy.ttl}
        return {"of_id": lease.export_id, "of_lease": lease.lease_id, "longest": policy.run_timeout + policy.ttl, **by}

    def _revive(self, db: sa.Connection, renewal: Renewal, renewed: AbstractSet[LeaseRef]) -> list[Export]:
        """Renew leases that had already expired, and return their exports."""
        rows: list[Row] = []
        for lease in renewal.leases:
            if lease not in renewed:
                of = {**self._renewed(renewal, lease), "now": renewal.now}
                rows += db.execute(changes.REVIVE, of).mappings().all()
        return self._history.happened(db, Event.RENEW, rows, Actor.WORKER, worker_id=renewal.worker_id)

    def complete(self, db: sa.Connection, asked: Sequence[Completion]) -> list[Export | Exception | None]:
        """Complete exports. A ListVerb. Of several completions of one export the first counts."""
        return in_rounds(asked, _own_export, lambda some: self._complete(db, some))

    def _complete(self, db: sa.Connection, asked: Sequence[Completion]) -> list[Export | Exception | None]:
        rows = self._sql.completing.changed(db, [each.values() for each in asked if each.has_every_row])
        exports = self._history.happened(db, Event.COMPLETE, rows, Actor.WORKER, worker_id=_holder)
        done = {export.id: export for export in exports}
        return [self._completed(db, each, done) for each in asked]

    def _completed(self, db: sa.Connection, asked: Completion, done: Mapping[str, Export]) -> Export | Exception | None:
        stats, lease = asked.stats, asked.lease
        if not asked.has_every_row:
            return RowsMissing(stats.rows_matched, stats.rows_written)
        if lease.export_id in done:
            return done[lease.export_id]
        there = _row(db, lease)
        if there is not None and _completed_with(there, lease, asked.file.artifact.sha256):
            return None
        return _why_fenced(there, lease)

    def fail(self, db: sa.Connection, asked: Sequence[Failed]) -> list[Export | Exception | None]:
        """End attempts. A ListVerb. Of several failures of one export the first counts."""
        return in_rounds(asked, _own_export, lambda some: self._fail(db, some))

    def _fail(self, db: sa.Connection, asked: Sequence[Failed]) -> list[Export | Exception | None]:
        failed: dict[str, Export] = {}
        for event in self._sql.failing:
            left = {each.lease.export_id: each for each in asked if each.lease.export_id not in failed}
            failed |= self._fail_by(db, event, left)
        return [failed.get(each.lease.export_id) or _not_failed(db, each.lease) for each in asked]

    def _fail_by(self, db: sa.Connection, event: Event, asked: Mapping[str, Failed]) -> dict[str, Export]:
        """Apply one event, and return the exports to which it happened."""
        given = [values for each in asked.values() if (values := each.values(event, self._policy)) is not None]
        rows = self._sql.failing[event].changed(db, given)
        exports = self._by_workers(db, event, rows, lambda row: asked[row["id"]].reason)
        return {export.id: export for export in exports}

    def _by_workers(
        self, db: sa.Connection, event: Event, rows: Sequence[Row], reason: str | Callable[[Row], str] = ""
    ) -> list[Export]:
        """Record an event of exports that no worker holds any more."""
        return self._history.happened(
            db, event, rows, Actor.WORKER, worker_id=lambda row: worker_of(db, row["id"]), reason=reason
        )

    def release(self, db: sa.Connection, asked: Sequence[Release]) -> list[list[Export] | Exception]:
        """Give attempts back. A ListVerb. Of several releases of one export the first counts."""
        return in_rounds(
            asked,
            lambda each: each.export_ids,
            lambda some: self._release(db, some),
        )

    def _release(self, db: sa.Connection, asked: Sequence[Release]) -> list[list[Export] | Exception]:
        rows = self._sql.releasing.changed(db, [values for each in asked for values in each.values()])
        released = {export.id: export for export in self._by_workers(db, Event.RELEASE, rows)}
        return [[released[id_] for id_ in each.export_ids if id_ in released] for each in asked]

    def expire(self, db: sa.Connection, now: datetime) -> list[Export]:
        at = {"now": now, "now_micros": to_micros(now), "unconfirmed_limit": self._policy.unconfirmed_limit}
        expired = []
        for event, change in self._expiries():
            rows = db.execute(change, at).mappings().all()
            expired += self._history.happened(db, event, rows, Actor.CLOCK)
        return expired

    def _expiries(self) -> Iterator[tuple[Event, sa.Update]]:
        """Yield the events of expired leases, with their statements.

        An unconfirmed lease gives the attempt back, unless there were too many of them; then it ends like a confirmed
        one.
        """
        yield Event.EXPIRE_UNCONFIRMED, changes.EXPIRE_UNCONFIRMED
        yield Event.EXPIRE_LAST, self._failures.expire_last
        yield Event.EXPIRE, self._failures.expire


def _own_export(asked: Completion | Failed) -> list[str]:
    return [asked.lease.export_id]


def _in_order(claimed: Sequence[Claimed]) -> list[Claimed]:
    """Sort the claims in the order in which a poll gets them again."""
    return sorted(claimed, key=lambda one: one.export.id)


def _holder(row: Row) -> str:
    worker_id: str = row["lease_worker_id"]
    return worker_id


def _claimed(row: Row) -> Claimed:
    return Claimed(to_export(row), row["lease_id"], to_spec(row), row["sealed_password"])


def _standing(row: Row | None, lease: LeaseRef) -> Standing:
    """Return the standing of a lease.

    A completed lease is kept: its worker may not know yet that it completed, and must not delete the published file.
    """
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
    return _by_id.first(db, {"of_id": lease.export_id})


def _not_failed(db: sa.Connection, lease: LeaseRef) -> ExportdError | None:
    """Return None if the lease had failed before, otherwise the reason why the attempt could not be ended."""
    there = _row(db, lease)
    return None if there is not None and _failed_before(there, lease) else _why_fenced(there, lease)


def _why_fenced(row: Row | None, lease: LeaseRef) -> ExportdError:
    cancelled = _standing(row, lease).verdict is Verdict.CANCELLED
    return JobCancelled(lease.export_id) if cancelled else LeaseLost(lease.export_id)
