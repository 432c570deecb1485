"""The constraints of a row of `exports`. They are derived from the table of states, and checked by the database."""

import sqlalchemy as sa

from services.api.domain.states import LEASABLE, TERMINAL, CancelReason, Event, State, sources, target
from services.api.storage.sql.tables import exports, in_states, one_of


def _only_if(fact: sa.ColumnElement[bool], needed: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.or_(sa.not_(fact), needed)


def _exactly_if(fact: sa.ColumnElement[bool], other: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.or_(sa.and_(fact, other), sa.and_(sa.not_(fact), sa.not_(other)))


_c = exports.c
_all_there = [
    _c[name].is_not(None)
    for name in ("file_name", "file_key", "file_size_bytes", "file_sha256", "file_media_type", "file_extension",
                 "file_entries", "file_entry_count", "file_encrypted", "file_row_count", "file_create_time",
                 "file_expire_time", "matched_by", "consistency", "build_warnings")
]  # fmt: skip
LEASED = sources(Event.RELEASE)
WAITS = {target(Event.FAIL), target(Event.EXPIRE)}
_may_hold_lease = LEASED | sources(Event.RENEW) | {target(Event.COMPLETE)}

RULES: dict[str, sa.ColumnElement[bool]] = {
    "state_known": in_states(State),
    "reason_known": sa.or_(_c.cancel_reason.is_(None), one_of(_c.cancel_reason, CancelReason)),
    "cancelled_for_a_reason": _exactly_if(in_states({target(Event.CANCEL)}), _c.cancel_reason.is_not(None)),
    "done_has_ended": _exactly_if(in_states(TERMINAL), _c.end_time.is_not(None)),
    "only_done_deleted": _only_if(_c.deleted_time.is_not(None), in_states(TERMINAL)),
    "attempts_in_budget": sa.and_(_c.attempt >= 0, _c.attempt <= _c.max_attempts, _c.max_attempts >= 1),
    "attempt_left": _only_if(in_states(LEASABLE), _c.attempt < _c.max_attempts),
    "attempts_were_leased": sa.and_(_c.attempt <= _c.lease_count, _c.unconfirmed_count.between(0, _c.lease_count)),
    "given_back_were_leased": _c.given_back_count.between(0, _c.lease_count),
    "given_back_waits": _only_if(_c.given_back_by.is_not(None), in_states({target(Event.GIVE_BACK)})),
    "counts_from_one": sa.and_(_c.version >= 1, _c.run >= 1),
    "failed_is_scheduled": _exactly_if(in_states(WAITS), _c.next_attempt_time.is_not(None)),
    "leased_by_one": _only_if(
        in_states(LEASED),
        sa.and_(_c.lease_id.is_not(None), _c.lease_worker_id.is_not(None), _c.lease_poll_id.is_not(None),
                _c.lease_expire_time.is_not(None), _c.start_time.is_not(None), _c.attempt >= 1),
    ),
    "lease_in_its_states": _only_if(_c.lease_id.is_not(None), in_states(_may_hold_lease)),
    "file_when_completed": _exactly_if(in_states({target(Event.COMPLETE)}), _c.file_id.is_not(None)),
    "file_is_whole": _only_if(_c.file_id.is_not(None), sa.and_(_c.lease_id.is_not(None), *_all_there)),
    "password_until_done": _exactly_if(
        _c.sealed_password.is_not(None), sa.and_(_c.encrypted, sa.not_(in_states(TERMINAL)))
    ),
    "priority_known": _c.priority.between(0, 9),
    "told_where_asked": sa.and_(
        _only_if(_c.callback_sent, _c.callback_url.is_not(None)), _only_if(_c.email_sent, _c.notify_email.is_not(None))
    ),
    "sealed_as_asked": _only_if(_c.file_id.is_not(None), _c.file_encrypted == _c.encrypted),
    "attachments_beside_file": _only_if(_c.attachments_id.is_not(None), _c.file_id.is_not(None)),
    "attachments_are_whole": _exactly_if(_c.attachments_id.is_not(None), _c.attachments.is_not(None)),
    # Both must not be NULL: a comparison with NULL would satisfy a CHECK.
    "no_row_missing": _only_if(
        in_states({target(Event.COMPLETE)}),
        sa.and_(_c.rows_matched.is_not(None), _c.rows_written.is_not(None), _c.rows_matched == _c.rows_written),
    ),
}  # fmt: skip
"""The constraints that every row of `exports` obeys."""

for _name, _rule in RULES.items():
    exports.append_constraint(sa.CheckConstraint(_rule, name=_name))
