"""The partial indexes. `metadata` is the whole schema once this module is imported."""

from typing import Any

import sqlalchemy as sa

from services.api.domain.states import TERMINAL, State
from services.api.storage.sql.schema.rules import LEASED, WAITS
from services.api.storage.sql.tables import Place, at, audit, deliveries, exports, in_states, line, links, metadata

__all__ = ["metadata"]


def _index(name: str, *columns: sa.ColumnElement[Any], where: sa.ColumnElement[bool], unique: bool = False) -> None:
    """Create a partial index, which SQLAlchemy cannot express independently of the engine.

    The dialects of both engines are imported for it.
    """
    sa.Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


# A claim reads the line of a requirement from its head. The others find rows that become waiting again.
_index("line_turn", line.c.requirement, line.c.vtime, line.c.tenant, where=at(Place.WAITING))
_index("line_due", line.c.due, where=at(Place.LATER))
_index("line_capped", line.c.tenant, where=at(Place.CAPPED))
_index("links_to_send", links.c.delivery_id, links.c.file_id, where=links.c.sealed_token.is_not(None), unique=True)
_index("audit_once", audit.c.once, where=audit.c.once.is_not(None), unique=True)
_index("links_of_tenant", links.c.tenant, links.c.expire_time, where=links.c.revoke_time.is_(None))
_index("deliveries_due", deliveries.c.next_attempt_time, where=sa.literal_column("state = 'PENDING'", sa.Boolean))

_c = exports.c

# One index per query: claims read a tenant's exports of one requirement, callers their positions, and gauges the
# oldest of all. With `state` in the index, counting needs no rows.
_queued, _failed = in_states({State.QUEUED}), in_states(WAITS)
_index("exports_turn", _c.tenant, _c.priority.desc(), _c.id, _c.state, where=_queued)
_index("exports_oldest", _c.id, _c.state, where=_queued)
_index("exports_line", _c.requirement, _c.tenant, _c.priority.desc(), _c.id, _c.state, where=_queued)
_index("exports_line_again", _c.requirement, _c.tenant, _c.next_attempt_time, _c.id, _c.state, where=_failed)
_index("exports_due", _c.next_attempt_time, _c.state, where=_failed)
_index("exports_running", _c.tenant, _c.state, where=in_states(LEASED))
_index("exports_leased_until", _c.lease_expire_time, where=in_states(LEASED))
_unconfirmed = sa.and_(in_states(LEASED), sa.not_(_c.lease_confirmed))
_index("exports_unconfirmed", _c.lease_worker_id, _c.lease_poll_id, where=_unconfirmed)
_index("exports_given_back", _c.given_back_by, where=_c.given_back_by.is_not(None))
_index("exports_listed", _c.tenant, _c.id, where=_c.deleted_time.is_(None))
_index("exports_listed_by_state", _c.tenant, _c.state, _c.id, where=_c.deleted_time.is_(None))
_index("exports_listed_by_type", _c.tenant, _c.type, _c.id, where=_c.deleted_time.is_(None))
_index("exports_file", _c.file_id, where=_c.file_id.is_not(None), unique=True)
_index("exports_attachments", _c.attachments_id, where=_c.attachments_id.is_not(None), unique=True)
_index("exports_deleted", _c.deleted_time, where=_c.deleted_time.is_not(None))
_index("exports_ended", _c.end_time, where=in_states(TERMINAL))
