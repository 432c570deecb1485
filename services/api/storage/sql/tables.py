"""The tables. The constraints of a row are derived from the table of states, and checked by the database.

Times and durations are integer microseconds. A deleted export stays as a tombstone: its row with a `deleted_time`.
"""

from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from services.api.domain.history import Actor
from services.api.domain.notifications import Channel, DeliveryState
from services.api.domain.states import LEASABLE, TERMINAL, CancelReason, Event, State, sources, target
from services.api.storage.sql.column_types import Json, Length, SharedJson, Text, UtcTime
from services.contract.formats import Format
from services.contract.outcome import Consistency, MatchedBy

NAMING = {
    "pk": "%(table_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s",
    "fk": "%(table_name)s_%(column_0_name)s_fk",
}

metadata = sa.MetaData(naming_convention=NAMING)


def _named(kind: type[Enum]) -> sa.Enum:
    """Return a type that stores the names of an enum as text. The rules below check the names."""
    return sa.Enum(kind, native_enum=False, create_constraint=False, length=20)


exports = sa.Table(
    "exports",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("tenant", Text, nullable=False),
    # The request.
    sa.Column("uri", Text, nullable=False),
    sa.Column("type", Text, nullable=False),
    sa.Column("format", _named(Format), nullable=False),
    sa.Column("file_types", Json, nullable=False),
    sa.Column("labels", Json, nullable=False),
    sa.Column("options", SharedJson, nullable=False),
    sa.Column("warnings", Json, nullable=False),
    sa.Column("spec", sa.LargeBinary, nullable=False),
    # The state.
    sa.Column("state", _named(State), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("cancel_reason", _named(CancelReason)),
    sa.Column("next_attempt_time", UtcTime),
    sa.Column("create_time", UtcTime, nullable=False),
    sa.Column("update_time", UtcTime, nullable=False),
    sa.Column("start_time", UtcTime),
    sa.Column("end_time", UtcTime),
    sa.Column("duration", Length),
    sa.Column("errors", Json, nullable=False),
    sa.Column("deleted_time", UtcTime),
    # The lease in force. It stays after it expired, until another worker leases the export, and after it completed.
    sa.Column("lease_id", Text),
    sa.Column("lease_worker_id", Text),
    sa.Column("lease_poll_id", Text),
    sa.Column("lease_confirmed", sa.Boolean, nullable=False),
    sa.Column("lease_create_time", UtcTime),
    sa.Column("lease_expire_time", UtcTime),
    # Numbers of all leases and of unconfirmed ones, and the lease that last ended by its own failure or a cancel.
    sa.Column("lease_count", sa.BigInteger, nullable=False),
    sa.Column("unconfirmed_count", sa.Integer, nullable=False),
    sa.Column("ended_lease_id", Text),
    # The file.
    sa.Column("file_id", Text),
    sa.Column("file_name", Text),
    sa.Column("file_key", Text),
    sa.Column("file_size_bytes", sa.BigInteger),
    sa.Column("file_sha256", Text),
    sa.Column("file_media_type", Text),
    sa.Column("file_extension", Text),
    sa.Column("file_entries", Json),
    sa.Column("file_entry_count", sa.BigInteger),
    sa.Column("file_encrypted", sa.Boolean),
    sa.Column("file_row_count", sa.BigInteger),
    sa.Column("file_create_time", UtcTime),
    sa.Column("file_expire_time", UtcTime),
    # The outcome of the build.
    sa.Column("rows_matched", sa.BigInteger),
    sa.Column("rows_written", sa.BigInteger),
    sa.Column("matched_by", _named(MatchedBy)),
    sa.Column("consistency", _named(Consistency)),
    sa.Column("as_of", UtcTime),
    sa.Column("build_warnings", Json),
    # Whether there is a password, and the password sealed with the server's key.
    sa.Column("encrypted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("sealed_password", sa.LargeBinary),
    # The separate file of the attachments. Its times are those of the table's file.
    sa.Column("attachments_id", Text),
    sa.Column("attachments", Json),
    # The priority within the tenant, the targets of notifications, and whether they were accepted in this run.
    sa.Column("priority", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("notify_email", Text),
    sa.Column("callback_url", Text),
    sa.Column("email_sent", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("callback_sent", sa.Boolean, nullable=False, server_default=sa.false()),
    # The capabilities that a worker needs: the key of the set of names, and the set in its canonical form.
    sa.Column("requirement", Text, nullable=False, server_default=sa.text("''")),
    sa.Column("needs", Text, nullable=False, server_default=sa.text("''")),
    # How often workers gave it back in this run because of their own environment, and, while it waits, which one did.
    sa.Column("given_back_count", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("given_back_by", Text),
)

installation = sa.Table(
    "installation",
    metadata,
    # One row: the artifact store with the files of this database.
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("store_id", Text, nullable=False),
    sa.CheckConstraint("id = 1", name="one_row"),
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("holder", Text, nullable=False),
    sa.Column("tenant", Text, nullable=False),
    sa.Column("label", Text, nullable=False),
    # A keyed hash, from which the key cannot be restored.
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("all_tenants", sa.Boolean, nullable=False),
    sa.Column("sources", Json, nullable=False),
    sa.Column("create_time", UtcTime, nullable=False),
    sa.Column("expire_time", UtcTime),
    sa.Column("revoke_time", UtcTime),
    # The key that it descends from by rotations; empty: itself.
    sa.Column("lineage", Text, nullable=False, server_default=sa.text("''")),
    sa.Column("collections", Json, nullable=False, server_default=sa.text("'[]'")),
    sa.Column("tenants", Json, nullable=False, server_default=sa.text("'[]'")),
    sa.CheckConstraint("holder IN ('exd', 'exw')", name="holder_known"),
    sa.Index("keys_of_tenant", "tenant", "id"),
)

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("tenant", Text, primary_key=True),
    sa.Column("request_id", Text, primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    # Deferred, since the request_id is taken before the export is written.
    sa.Column(
        "export_id",
        Text,
        sa.ForeignKey("exports.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    sa.Column("create_time", UtcTime, nullable=False),
    # Without this index, deleting one old export would read every request.
    sa.Index("requests_by_export", "export_id"),
    sa.Index("requests_made", "create_time"),
)

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("tenant", Text, primary_key=True),
    # See domain/fairness.py.
    sa.Column("vtime", sa.BigInteger, nullable=False),
    sa.Column("served", sa.BigInteger, nullable=False),
    sa.Index("tenants_served", "served"),
)


class Place(Enum):
    """The place of a row in the line."""

    WAITING = auto()
    """Claims consider the row when it is the tenant's turn."""

    LATER = auto()
    """Claims skip the row until one of its exports is due again."""

    CAPPED = auto()
    """Claims skip the row until one of the tenant's exports ends, because the tenant has reached its cap."""


line = sa.Table(
    "line",
    metadata,
    # A row for each tenant and requirement with waiting exports. When none waits any more, a claim removes it.
    sa.Column("tenant", Text, primary_key=True),
    sa.Column("requirement", Text, primary_key=True),
    sa.Column("needs", Text, nullable=False),
    # The tenant's virtual time, the same in all of its rows; 0 if the tenant is not in `tenants`.
    sa.Column("vtime", sa.BigInteger, nullable=False),
    sa.Column("place", _named(Place), nullable=False),
    # When the next FAILED export is due at the earliest; NULL if none waits to be retried.
    sa.Column("due", UtcTime),
    sa.CheckConstraint("place IN ('CAPPED', 'LATER', 'WAITING')", name="place_known"),
    sa.CheckConstraint("place <> 'LATER' OR due IS NOT NULL", name="later_is_due"),
)

usage = sa.Table(
    "usage",
    metadata,
    # One row for each tenant and quota that is counted: how much of it was used since `window_start`. WAITING counts
    # nothing: its row is locked by whoever counts what waits.
    sa.Column("tenant", Text, primary_key=True),
    sa.Column("quota", Text, primary_key=True),
    sa.Column("window_start", UtcTime, nullable=False),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Index("usage_over", "window_start"),
)

transitions = sa.Table(
    "transitions",
    metadata,
    # The version would not do: the deletion of an export increases it without a transition.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("export_id", Text, sa.ForeignKey("exports.id", ondelete="CASCADE"), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("event", Text, nullable=False),
    # The state before the change is that of the previous entry.
    sa.Column("state", _named(State), nullable=False),
    sa.Column("actor", _named(Actor), nullable=False),
    sa.Column("worker_id", Text, nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("time", UtcTime, nullable=False),
    sa.Index("transitions_of_export", "export_id", "id"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("export_id", Text, sa.ForeignKey("exports.id", ondelete="CASCADE"), nullable=False),
    sa.Column("tenant", Text, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("channel", _named(Channel), nullable=False),
    sa.Column("target", Text, nullable=False),
    sa.Column("notice", Json, nullable=False),
    sa.Column("state", _named(DeliveryState), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    # During an attempt, the end of the hold: if no outcome is stored by then, the delivery is retried.
    sa.Column("next_attempt_time", UtcTime),
    sa.Column("lease_id", Text),
    sa.Column("create_time", UtcTime, nullable=False),
    sa.Column("end_time", UtcTime),
    sa.Column("tries", Json, nullable=False),
    sa.UniqueConstraint("export_id", "run", "channel", name="deliveries_once"),
    sa.CheckConstraint(
        "(state = 'PENDING') = (next_attempt_time IS NOT NULL) AND (state = 'PENDING') = (end_time IS NULL)",
        name="pending_is_scheduled",
    ),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("tenant", Text, nullable=False),
    sa.Column("export_id", Text, sa.ForeignKey("exports.id", ondelete="CASCADE"), nullable=False),
    sa.Column("file_id", Text, nullable=False),
    # A keyed hash, from which the token cannot be restored.
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("create_time", UtcTime, nullable=False),
    sa.Column("expire_time", UtcTime, nullable=False),
    sa.Column("max_uses", sa.Integer, nullable=False),
    sa.Column("label", Text, nullable=False),
    sa.Column("creator", Text, nullable=False),
    # Of a link for a mail: its notification, and the token, sealed with the server's key, until the mail is sent.
    sa.Column("delivery_id", Text, nullable=False),
    sa.Column("sealed_token", sa.LargeBinary),
    sa.Column("uses", sa.Integer, nullable=False),
    sa.Column("last_use_id", Text, nullable=False),
    sa.Column("last_use_time", UtcTime),
    sa.Column("revoke_time", UtcTime),
    sa.CheckConstraint("uses >= 0 AND (max_uses = 0 OR uses <= max_uses)", name="uses_within"),
    sa.CheckConstraint("(uses = 0) = (last_use_time IS NULL)", name="used_at_a_time"),
    sa.Index("links_of_export", "export_id", "id"),
    sa.Index("links_expired", "expire_time"),
)


def _index(name: str, *columns: sa.ColumnElement[Any], where: sa.ColumnElement[bool], unique: bool = False) -> None:
    """Create a partial index, which SQLAlchemy cannot express independently of the engine."""
    sa.Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


def at(place: Place, of: sa.FromClause = line) -> sa.ColumnElement[bool]:
    """Return the condition that a row of the line has this place. The value is written out, as in `one_of`."""
    column: sa.ColumnElement[Place] = of.c.place
    return column == sa.literal_column(f"'{place.name}'")


# A claim reads the line of a requirement from its head. The others find rows that become waiting again.
_index("line_turn", line.c.requirement, line.c.vtime, line.c.tenant, where=at(Place.WAITING))
_index("line_due", line.c.due, where=at(Place.LATER))
_index("line_capped", line.c.tenant, where=at(Place.CAPPED))
_index("links_to_send", links.c.delivery_id, links.c.file_id, where=links.c.sealed_token.is_not(None), unique=True)
_index("deliveries_due", deliveries.c.next_attempt_time, where=sa.literal_column("state = 'PENDING'", sa.Boolean))


def one_of(column: sa.ColumnElement[Enum], members: Iterable[Enum]) -> sa.ColumnElement[bool]:
    """Return the condition that the column is one of these members.

    The values are written out, not bound: only then can the database see that the condition of a partial index is
    implied.
    """
    return column.in_([sa.literal_column(f"'{name}'") for name in sorted(member.name for member in members)])


def in_states(states: Iterable[State]) -> sa.ColumnElement[bool]:
    """Return the condition that the export is in one of these states."""
    return one_of(exports.c.state, states)


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
_leased = sources(Event.RELEASE)
_waits = {target(Event.FAIL), target(Event.EXPIRE)}
_may_hold_lease = _leased | sources(Event.RENEW) | {target(Event.COMPLETE)}

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
    "failed_is_scheduled": _exactly_if(in_states(_waits), _c.next_attempt_time.is_not(None)),
    "leased_by_one": _only_if(
        in_states(_leased),
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


# One index per query: claims read a tenant's exports of one requirement, callers their positions, and gauges the
# oldest of all. With `state` in the index, counting needs no rows.
_queued, _failed = in_states({State.QUEUED}), in_states(_waits)
_index("exports_turn", _c.tenant, _c.priority.desc(), _c.id, _c.state, where=_queued)
_index("exports_oldest", _c.id, _c.state, where=_queued)
_index("exports_line", _c.requirement, _c.tenant, _c.priority.desc(), _c.id, _c.state, where=_queued)
_index("exports_line_again", _c.requirement, _c.tenant, _c.next_attempt_time, _c.id, _c.state, where=_failed)
_index("exports_due", _c.next_attempt_time, _c.state, where=_failed)
_index("exports_running", _c.tenant, _c.state, where=in_states(_leased))
_index("exports_leased_until", _c.lease_expire_time, where=in_states(_leased))
_index("exports_leased_by", _c.lease_worker_id, where=in_states(_leased))
_index("exports_given_back", _c.given_back_by, where=_c.given_back_by.is_not(None))
_index("exports_listed", _c.tenant, _c.id, where=_c.deleted_time.is_(None))
_index("exports_listed_by_state", _c.tenant, _c.state, _c.id, where=_c.deleted_time.is_(None))
_index("exports_listed_by_type", _c.tenant, _c.type, _c.id, where=_c.deleted_time.is_(None))
_index("exports_file", _c.file_id, where=_c.file_id.is_not(None), unique=True)
_index("exports_attachments", _c.attachments_id, where=_c.attachments_id.is_not(None), unique=True)
_index("exports_deleted", _c.deleted_time, where=_c.deleted_time.is_not(None))
_index("exports_ended", _c.end_time, where=in_states(TERMINAL))
