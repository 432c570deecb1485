"""Lists of a tenant's exports.

Each page examines a bounded number of exports, however many there are and however few match.

A page reads ids from an index, as many as it may examine, and then examines only those exports. If too few of them
match, the next page continues after the last one examined.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.api.ports.exports import ExportFilter, ExportPage
from services.api.storage.sql.database import Dialect
from services.api.storage.sql.rows import EXPORT_COLUMNS, to_export
from services.api.storage.sql.tables import exports, in_states

MAX_LOOKED_AT = 2000
"""How many exports one page examines: about 50 ms of a reader, most of it for labels."""

_c = exports.c
Conditions = list[sa.ColumnElement[bool]]


class Listing:
    """Reads pages from one database. Each page examines at most `max_looked_at` exports."""

    def __init__(self, dialect: Dialect, max_looked_at: int = MAX_LOOKED_AT) -> None:
        self._dialect = dialect
        self._max_looked_at = max_looked_at

    def page(self, db: sa.Connection, tenant: str, filter_: ExportFilter, before_id: str, limit: int) -> ExportPage:
        """Return a page; see `ExportStore.page`."""
        others = _not_indexed(self._dialect, filter_)
        most = max(self._max_looked_at, limit + 1) if others else limit + 1
        ids = _walked(db, tenant, filter_, before_id, most)
        rows = db.execute(_of(tenant, filter_, ids).where(*others).limit(limit + 1)).mappings().all() if ids else []
        exports = tuple(to_export(row) for row in rows[:limit])
        if len(rows) > limit:
            return ExportPage(exports, exports[-1].id)
        return ExportPage(exports, ids[-1] if len(ids) == most else "")


def _of(tenant: str, filter_: ExportFilter, ids: Sequence[str]) -> sa.Select[Any]:
    """Select the exports with these ids that still match, since they may have changed after their ids were read."""
    there = [_c.id.in_(ids), _c.tenant == tenant, _c.deleted_time.is_(None)]
    states = [in_states(filter_.states)] if filter_.states else []
    return sa.select(*EXPORT_COLUMNS).where(*there, *states).order_by(_c.id.desc())


def _walked(db: sa.Connection, tenant: str, filter_: ExportFilter, before_id: str, most: int) -> list[str]:
    """Return the newest ids from an index: that of each state in the filter, or of the type, or of all exports."""
    before = (_c.id < before_id,) if before_id else ()
    all_ = sa.select(_c.id).where(_c.tenant == tenant, _c.deleted_time.is_(None), *before)
    newest = [all_.where(*each).order_by(_c.id.desc()).limit(most) for each in _indexed(filter_)]
    if len(newest) == 1:
        return [*db.execute(newest[0]).scalars()]
    ids = sa.union_all(*(sa.select(each.subquery().c.id) for each in newest)).subquery()
    return [*db.execute(sa.select(ids.c.id).order_by(ids.c.id.desc()).limit(most)).scalars()]


def _indexed(filter_: ExportFilter) -> list[Conditions]:
    """Return alternative conditions, each with an index that has the ids in order."""
    if filter_.states:
        return [[_c.state == state] for state in sorted(filter_.states, key=lambda state: state.name)]
    return [[_c.type == filter_.type]] if filter_.type else [[]]


def _not_indexed(dialect: Dialect, filter_: ExportFilter) -> Conditions:
    conditions: Conditions = [dialect.holds(_c.labels, filter_.labels)] if filter_.labels else []
    if filter_.states and filter_.type:
        conditions.append(_c.type == filter_.type)
    if filter_.created_after is not None:
        conditions.append(_c.create_time >= filter_.created_after)
    if filter_.created_before is not None:
        conditions.append(_c.create_time < filter_.created_before)
    return conditions
