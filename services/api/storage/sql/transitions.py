"""Every change of an export's state: one guarded UPDATE per event. Guards and targets come from the table of states.

An UPDATE that returns no row has changed nothing. Its caller then reads the row once to find out why.
"""

from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa

from services.api.domain.export import MAX_ERRORS
from services.api.domain.leases import EXPIRED_CODE, EXPIRED_MESSAGE
from services.api.domain.states import TERMINAL, CancelReason, Event, State, sources, target
from services.api.storage.sql.column_types import Length, UtcTime
from services.api.storage.sql.database import Dialect
from services.api.storage.sql.rows import EXPORT_COLUMNS, JOB_COLUMNS
from services.api.storage.sql.tables import exports, in_states, in_states_by_id, one_of

_c = exports.c
_now = sa.bindparam("now", type_=UtcTime)


def _change(**values: Any) -> sa.Update:
    """Return a durable change. It increases the version, by which watchers notice it."""
    return sa.update(exports).values(version=_c.version + 1, update_time=_now, **values).returning(*EXPORT_COLUMNS)


def _on(event: Event, **values: Any) -> sa.Update:
    return _to_target(event, **values).where(in_states(sources(event)))


def _to_target(event: Event, **values: Any) -> sa.Update:
    return _change(state=target(event), **values)


def _of_caller(change: sa.Update) -> sa.Update:
    return change.where(_c.id == sa.bindparam("of_id"), _c.tenant == sa.bindparam("of_tenant"))


def _of_worker(change: sa.Update) -> sa.Update:
    """Add the fence: a lease that was replaced or cleared matches nothing."""
    return change.where(_c.id == sa.bindparam("of_id"), _c.lease_id == sa.bindparam("of_lease"))


def _on_report(event: Event, **values: Any) -> sa.Update:
    """Return the change by an event that a worker reports of its lease."""
    return _of_worker(_to_target(event, **values).where(in_states_by_id(sources(event))))


_no_lease = {
    "lease_id": None,
    "lease_worker_id": None,
    "lease_poll_id": None,
    "lease_confirmed": False,
    "lease_create_time": None,
    "lease_expire_time": None,
}
_attempt_ended = {"duration": _now - _c.start_time}
_attempt_given_back = {
    "attempt": _c.attempt - 1,
    "start_time": sa.case((_c.attempt > 1, _c.start_time), else_=None),
}
# The password is erased as soon as it is no longer needed.
_over = {"end_time": _now, "next_attempt_time": None, "sealed_password": None}


# ---- events of callers

CANCEL = _of_caller(
    _on(
        Event.CANCEL,
        cancel_reason=CancelReason.REQUESTED,
        duration=sa.case((in_states(sources(Event.RELEASE)), _now - _c.start_time), else_=_c.duration),
        ended_lease_id=_c.lease_id,
        given_back_by=None,
        **_over,
        **_no_lease,
    )
).where(_c.deleted_time.is_(None))
CANCEL_QUEUED = CANCEL.where(in_states({State.QUEUED}))

DELETE = _of_caller(_change(deleted_time=_now)).where(in_states(TERMINAL), _c.deleted_time.is_(None))

# ---- events of operators

# The history stays: attempts are counted on, and errors are kept.
RETRY = _of_caller(
    _on(
        Event.RETRY,
        run=_c.run + 1,
        max_attempts=_c.attempt + sa.bindparam("budget", type_=sa.Integer),
        cancel_reason=None,
        start_time=None,
        end_time=None,
        duration=None,
        unconfirmed_count=0,
        given_back_count=0,
        sealed_password=sa.bindparam("new_password", type_=sa.LargeBinary),
        email_sent=False,
        callback_sent=False,
        **_no_lease,
    )
).where(
    one_of(_c.cancel_reason, set(CancelReason) - {CancelReason.REQUESTED}),
    _c.deleted_time.is_(None),
    _c.encrypted == sa.bindparam("with_password", type_=sa.Boolean),
)

# ---- events of workers

LEASE = (
    _on(
        Event.LEASE,
        attempt=_c.attempt + 1,
        start_time=_now,
        next_attempt_time=None,
        lease_id=sa.bindparam("new_lease"),
        lease_worker_id=sa.bindparam("by_worker"),
        lease_poll_id=sa.bindparam("by_poll"),
        lease_confirmed=False,
        lease_create_time=_now,
        lease_expire_time=sa.bindparam("until", type_=UtcTime),
        lease_count=_c.lease_count + 1,
        given_back_by=None,
    )
    .where(
        _c.id == sa.bindparam("of_id"),
        _c.requirement == sa.bindparam("of_requirement"),
        sa.or_(_c.next_attempt_time.is_(None), _c.next_attempt_time <= _now),
    )
    .returning(*JOB_COLUMNS)
)

_longest = _c.start_time + sa.bindparam("longest", type_=Length)
_until = sa.bindparam("until", type_=UtcTime)
_renewed = {
    "lease_confirmed": True,
    "lease_worker_id": sa.bindparam("by_worker"),
    "lease_expire_time": sa.case((_longest < _until, _longest), else_=_until),
}
# Renewing a lease in force does not change the version.
RENEW = _of_worker(
    sa.update(exports).values(**_renewed).where(in_states_by_id(sources(Event.RENEW) & {target(Event.RENEW)}))
).returning(_c.id, _c.lease_id)
# Only within the longest time of a lease; otherwise it would expire at once, again and again.
REVIVE = _of_worker(_on(Event.RENEW, next_attempt_time=None, **_renewed)).where(
    in_states(sources(Event.RENEW) - {target(Event.RENEW)}), _longest > _now
)

COMPLETE = _on_report(Event.COMPLETE, lease_confirmed=True, **_attempt_ended, **_over)

RELEASE = _on_report(Event.RELEASE, **_attempt_given_back, **_no_lease)

GIVE_BACK = _on_report(
    Event.GIVE_BACK,
    given_back_count=_c.given_back_count + 1,
    given_back_by=_c.lease_worker_id,
    ended_lease_id=_c.lease_id,
    **_attempt_given_back,
    **_no_lease,
).where(_c.given_back_count + 1 < sa.bindparam("given_back_limit", type_=sa.Integer))

# ---- events of the clock

_ran_out = _c.lease_expire_time <= _now
_never_confirmed = sa.and_(
    sa.not_(_c.lease_confirmed), _c.unconfirmed_count + 1 < sa.bindparam("unconfirmed_limit", type_=sa.Integer)
)
EXPIRE_UNCONFIRMED = _on(
    Event.EXPIRE_UNCONFIRMED, unconfirmed_count=_c.unconfirmed_count + 1, **_attempt_given_back, **_no_lease
).where(_ran_out, _never_confirmed)
# ---- failures


def _with_error(dialect: Dialect, code: Any, message: Any) -> dict[str, Any]:
    now = sa.bindparam("now_micros", type_=sa.BigInteger)
    error = {"attempt": _c.attempt, "code": code, "message": message, "time": now, "run": _c.run}
    return _attempt_ended | {"errors": dialect.appended(_c.errors, MAX_ERRORS, **error)}


@dataclass(frozen=True, slots=True)
class Failures:
    """The changes by which an attempt fails. They append to a JSON list of errors, which depends on the dialect."""

    fail: sa.Update
    give_up: sa.Update
    expire: sa.Update
    expire_last: sa.Update

    @classmethod
    def of(cls, dialect: Dialect) -> Self:
        code, message = sa.bindparam("code", type_=sa.Text), sa.bindparam("message", type_=sa.Text)
        failed = _with_error(dialect, code, message) | _no_lease | {"ended_lease_id": _c.lease_id}
        due = sa.bindparam("due", type_=UtcTime)
        reason = sa.bindparam("reason", type_=_c.cancel_reason.type)
        expired = _with_error(dialect, sa.literal(EXPIRED_CODE.value, sa.Text), sa.literal(EXPIRED_MESSAGE, sa.Text))
        exhausted = {"cancel_reason": CancelReason.RETRIES_EXHAUSTED} | _over | _no_lease
        ran_out = sa.and_(_ran_out, sa.not_(_never_confirmed))
        return cls(
            fail=_on_report(Event.FAIL, next_attempt_time=due, **failed),
            give_up=_on_report(Event.GIVE_UP, cancel_reason=reason, **failed, **_over),
            # The lease stays: a late answer is accepted until another worker leases the export.
            expire=_on(Event.EXPIRE, next_attempt_time=_now, **expired).where(ran_out, _c.attempt < _c.max_attempts),
            expire_last=_on(Event.EXPIRE_LAST, **expired, **exhausted).where(ran_out, _c.attempt >= _c.max_attempts),
        )
