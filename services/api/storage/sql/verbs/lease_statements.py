"""The statements that change leases, a list at a time, and find them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from services.api.domain.states import Event, sources
from services.api.storage.sql import transitions as changes
from services.api.storage.sql.column_types import Length, UtcTime
from services.api.storage.sql.listed import Listed, Types
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.rows import EXPORT_COLUMNS, FILE_COLUMNS, JOB_COLUMNS
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import exports, in_states

_c = exports.c
_text, _time = sa.Text(), UtcTime()
_LEASING: Types = {
    **dict.fromkeys(("of_id", "of_requirement", "new_lease", "by_worker", "by_poll"), _text),
    **dict.fromkeys(("now", "until"), _time),
}
_RENEWING: Types = {
    **dict.fromkeys(("of_id", "of_lease", "by_worker"), _text),
    "until": _time,
    "longest": Length(),
}
_OF_LEASE: Types = {"of_id": _text, "of_lease": _text, "now": _time}
_ERROR: Types = {"code": _text, "message": _text, "now_micros": sa.BigInteger()}
_FILE: Types = {name: _c[name].type for name in FILE_COLUMNS}
unconfirmed = (
    sa.select(*EXPORT_COLUMNS, *JOB_COLUMNS)
    .where(in_states(sources(Event.EXPIRE_UNCONFIRMED)), sa.not_(_c.lease_confirmed))
    .order_by(_c.id)
)


@dataclass(frozen=True, slots=True, eq=False)
class LeaseStatements:
    """The statements. `failing` is tried in its order: giving back more often than allowed changes nothing."""

    leasing: Listed
    renewing: Listed
    completing: Listed
    releasing: Listed
    failing: Mapping[Event, Listed]
    asked_for: Prepared
    free: Prepared
    of_polls: Prepared
    of_poll: Prepared


@cache
def lease_statements(sql: Statements) -> LeaseStatements:
    """Return the statements in this dialect, always the same ones."""
    dialect = sql.dialect
    asked = dialect.rows_given("given", {"id": _text})
    poll = dialect.rows_given("given", {"worker": _text, "poll": _text})
    return LeaseStatements(
        leasing=Listed.of(dialect, changes.LEASE, _LEASING),
        renewing=Listed.of(dialect, changes.RENEW, _RENEWING),
        completing=Listed.of(dialect, changes.COMPLETE, _OF_LEASE, _FILE),
        releasing=Listed.of(dialect, changes.RELEASE, _OF_LEASE),
        failing=_failing(sql),
        asked_for=Prepared(sa.select(*EXPORT_COLUMNS).where(_c.id == asked.c.id)),
        free=Prepared(sa.select(_c.id).where(_c.id == asked.c.id).with_for_update(skip_locked=True, of=exports)),
        of_polls=Prepared(unconfirmed.where(_c.lease_worker_id == poll.c.worker, _c.lease_poll_id == poll.c.poll)),
        of_poll=Prepared(
            unconfirmed.where(
                _c.lease_worker_id == sa.bindparam("of_worker"), _c.lease_poll_id == sa.bindparam("of_poll")
            )
        ),
    )


def _failing(sql: Statements) -> Mapping[Event, Listed]:
    dialect, failures = sql.dialect, sql.failures
    return {
        Event.GIVE_BACK: Listed.of(dialect, changes.GIVE_BACK, {**_OF_LEASE, "given_back_limit": sa.Integer()}),
        Event.FAIL: Listed.of(dialect, failures.fail, {**_OF_LEASE, **_ERROR, "due": _time}),
        Event.GIVE_UP: Listed.of(dialect, failures.give_up, {**_OF_LEASE, **_ERROR, "reason": _c.cancel_reason.type}),
    }
