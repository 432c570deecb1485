"""The tables. See schema/ for what the database checks and for partial indexes.

Times and durations are integer microseconds. A deleted export stays as a tombstone: its row with a `deleted_time`.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum, auto

import sqlalchemy as sa

from services.api.domain.history import Actor
from services.api.domain.notifications import Channel, DeliveryState
from services.api.domain.states import CancelReason, State
from services.api.storage.sql.column_types import Json, Length, OrderedJson, SharedJson, Text, UtcTime
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
    # The W3C traceparent of the call that created it; empty if there is no trace.
    sa.Column("trace", Text, nullable=False, server_default=sa.text("''")),
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
    # The tenant's virtual time, or just behind the present when the row came to the line if that was later.
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
    # One row for each tenant and quota that is counted: how much of it was used since `window_start`. WAITING and
    # LINKS count nothing: their rows are locked by whoever counts exports or links.
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

audit = sa.Table(
    "audit",
    metadata,
    # Entries are only added. Triggers of the migrations refuse to change one, and to delete one that is not older than
    # the horizon. No foreign key: an entry outlives what it is about.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("time", UtcTime, nullable=False),
    sa.Column("tenant", Text, nullable=False),
    sa.Column("action", Text, nullable=False),
    sa.Column("resource", Text, nullable=False),
    sa.Column("principal", Text, nullable=False),
    sa.Column("request_id", Text, nullable=False),
    sa.Column("peer", Text, nullable=False),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("details", Json, nullable=False),
    # Of an entry that is added again if nobody knows whether it was added.
    sa.Column("once", Text),
    sa.Index("audit_by_time", "time", "id"),
    sa.Index("audit_of_tenant", "tenant", "time", "id"),
    sa.Index("audit_of_resource", "resource", "time", "id"),
    sqlite_autoincrement=True,  # an id is never used twice, even if all entries are deleted
)

audit_horizon = sa.Table(
    "audit_horizon",
    metadata,
    # One row: the time before which entries of the audit trail may be deleted.
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("deletable_before", UtcTime, nullable=False),
    sa.CheckConstraint("id = 1", name="one_row"),
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
    sa.Column("notice", OrderedJson, nullable=False),
    sa.Column("state", _named(DeliveryState), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    # During an attempt, the end of the hold: if no outcome is stored by then, the delivery is retried.
    sa.Column("next_attempt_time", UtcTime),
    sa.Column("lease_id", Text),
    sa.Column("create_time", UtcTime, nullable=False),
    sa.Column("end_time", UtcTime),
    sa.Column("tries", Json, nullable=False),
    sa.Column("trace", Text, nullable=False, server_default=sa.text("''")),
    # The type of the event, and its place among those of the export; '' and 0 for the end of a run.
    sa.Column("event", Text, nullable=False, server_default=sa.text("''")),
    sa.Column("number", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.UniqueConstraint("export_id", "run", "channel", "number", name="deliveries_once"),
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


def at(place: Place, of: sa.FromClause = line) -> sa.ColumnElement[bool]:
    """Return the condition that a row of the line has this place. The value is written out, as in `one_of`."""
    column: sa.ColumnElement[Place] = of.c.place
    return column == sa.literal_column(f"'{place.name}'")


def live_links(now: sa.BindParameter[datetime]) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that a download link can be used at this time."""
    c = links.c
    return c.revoke_time.is_(None), c.expire_time > now, sa.or_(c.max_uses == 0, c.uses < c.max_uses)


def one_of(column: sa.ColumnElement[Enum], members: Iterable[Enum]) -> sa.ColumnElement[bool]:
    """Return the condition that the column is one of these members.

    The values are written out, not bound: only then can the database see that the condition of a partial index is
    implied.
    """
    return column.in_([sa.literal_column(f"'{name}'") for name in sorted(member.name for member in members)])


def in_states(states: Iterable[State]) -> sa.ColumnElement[bool]:
    """Return the condition that the export is in one of these states."""
    return one_of(exports.c.state, states)


def in_states_by_id(states: Iterable[State]) -> sa.ColumnElement[bool]:
    """Return the same condition, for a statement that finds its exports by their ids.

    It implies the condition of no partial index. Otherwise PostgreSQL reads all running exports to find fifty, if there
    were few when it last looked.
    """
    return one_of(exports.c.state.op("||")(sa.literal_column("''")), states)
