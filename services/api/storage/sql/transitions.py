"""Every change of an export's state: one guarded UPDATE an event, its guard and its target from the table of states.

An UPDATE that returns no row has changed nothing; whoever runs it then reads once to say why.
"""

from typing import Any

import sqlalchemy as sa

from services.api.domain.states import TERMINAL, CancelReason, Event, State, sources, target
from services.api.storage.sql.column_types import Length, UtcTime
from services.api.storage.sql.rows import EXPORT_COLUMNS, JOB_COLUMNS
from services.api.storage.sql.tables import exports, in_states, one_of
from services.api.storage.sqlite.json_sql import appended

MAX_ERRORS = 50
EXPIRED_CODE = "LEASE_EXPIRED"
EXPIRED_MESSAGE = "the worker stopped answering"

_c = exports.c
_now = sa.bindparam("now", type_=UtcTime)
_now_in_json = sa.bindparam("now_micros", type_=sa.BigInteger)


def _change(**values: Any) -> sa.Update:
    """A durable change: the version tells watchers."""
    return sa.update(exports).values(version=_c.version + 1, update_time=_now, **values).returning(*EXPORT_COLUMNS)


def _on(event: Event, **values: Any) -> sa.Update:
    return _change(state=target(event), **values).where(in_states(sources(event)))


def _of_caller(change: sa.Update) -> sa.Update:
    return change.where(_c.id == sa.bindparam("of_id"), _c.tenant == sa.bindparam("of_tenant"))


def _of_worker(change: sa.Update) -> sa.Update:
    """The fence: a lease that another has replaced, or that was cleared, matches nothing."""
    return change.where(_c.id == sa.bindparam("of_id"), _c.lease_id == sa.bindparam("of_lease"))


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
# A password is kept no longer than it may be needed.
_over = {"end_time": _now, "next_attempt_time": None, "sealed_password": None}


def _with_error(code: Any, message: Any) -> dict[str, Any]:
    return {
        "errors": appended(
            _c.errors,
            MAX_ERRORS,
            attempt=_c.attempt,
            code=code,
            message=message,
            time=_now_in_json,
            run=_c.run,
        )
    }


# ---- by callers

CANCEL = _of_caller(
    _on(
        Event.CANCEL,
        cancel_reason=CancelReason.REQUESTED,
        duration=sa.case((in_states(sources(Event.RELEASE)), _now - _c.start_time), else_=_c.duration),
        ended_lease_id=_c.lease_id,
        **_over,
        **_no_lease,
    )
).where(_c.deleted_time.is_(None))
CANCEL_QUEUED = CANCEL.where(in_states({State.QUEUED}))

DELETE = _of_caller(_change(deleted_time=_now)).where(in_states(TERMINAL), _c.deleted_time.is_(None))

# ---- by operators

# History stays: attempts are counted on, and so are errors.
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

# ---- by workers

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
    )
    .where(_c.id == sa.bindparam("of_id"), sa.or_(_c.next_attempt_time.is_(None), _c.next_attempt_time <= _now))
    .returning(*JOB_COLUMNS)
)

_longest = _c.start_time + sa.bindparam("longest", type_=Length)
_until = sa.bindparam("until", type_=UtcTime)
_renewed = {
    "lease_confirmed": True,
    "lease_worker_id": sa.bindparam("by_worker"),
    "lease_expire_time": sa.case((_longest < _until, _longest), else_=_until),
}
# A renewal of a lease in force is no news: the version stays.
RENEW = _of_worker(
    sa.update(exports).values(**_renewed).where(in_states(sources(Event.RENEW) & {target(Event.RENEW)}))
).returning(_c.id)
# Not beyond the longest time of a lease: it would run out at once, over and over.
REVIVE = _of_worker(_on(Event.RENEW, next_attempt_time=None, **_renewed)).where(
    in_states(sources(Event.RENEW) - {target(Event.RENEW)}), _longest > _now
)

COMPLETE = _of_worker(_on(Event.COMPLETE, lease_confirmed=True, **_attempt_ended, **_over))

_failed = (
    _attempt_ended
    | _with_error(sa.bindparam("code", type_=sa.Text), sa.bindparam("message", type_=sa.Text))
    | _no_lease
    | {"ended_lease_id": _c.lease_id}
)
FAIL = _of_worker(_on(Event.FAIL, next_attempt_time=sa.bindparam("due", type_=UtcTime), **_failed))
GIVE_UP = _of_worker(
    _on(Event.GIVE_UP, cancel_reason=sa.bindparam("reason", type_=_c.cancel_reason.type), **_failed, **_over)
)

RELEASE = _of_worker(_on(Event.RELEASE, **_attempt_given_back, **_no_lease))

# ---- by the clock

_ran_out = _c.lease_expire_time <= _now
_never_confirmed = sa.and_(
    sa.not_(_c.lease_confirmed), _c.unconfirmed_count + 1 < sa.bindparam("unconfirmed_limit", type_=sa.Integer)
)
_expired = _attempt_ended | _with_error(EXPIRED_CODE, EXPIRED_MESSAGE)

EXPIRE_UNCONFIRMED = _on(
    Event.EXPIRE_UNCONFIRMED, unconfirmed_count=_c.unconfirmed_count + 1, **_attempt_given_back, **_no_lease
).where(_ran_out, _never_confirmed)
EXPIRE_LAST = _on(
    Event.EXPIRE_LAST, cancel_reason=CancelReason.RETRIES_EXHAUSTED, **_expired, **_over, **_no_lease
).where(_ran_out, sa.not_(_never_confirmed), _c.attempt >= _c.max_attempts)
# The lease stays: until the next one takes the export, a late answer is still welcome.
EXPIRE = _on(Event.EXPIRE, next_attempt_time=_now, **_expired).where(
    _ran_out, sa.not_(_never_confirmed), _c.attempt < _c.max_attempts
)

EXPIRIES = {
    Event.EXPIRE_UNCONFIRMED: (EXPIRE_UNCONFIRMED, "no worker confirmed the lease"),
    Event.EXPIRE_LAST: (EXPIRE_LAST, f"{EXPIRED_CODE}: {EXPIRED_MESSAGE}"),
    Event.EXPIRE: (EXPIRE, f"{EXPIRED_CODE}: {EXPIRED_MESSAGE}"),
}
"""An unconfirmed lease gives the attempt back until there were too many; then it ends like a confirmed one."""
