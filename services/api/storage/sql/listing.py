"""Lists of a tenant's exports: what one page looks at is bounded, however many exports there are and few are wanted.

A page takes ids from an index, as many as it may look at, and then looks at those exports alone. Where too few of them
are wanted, the next page goes on behind the last one that was looked at.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.api.ports.exports import ExportFilter, ExportPage
from services.api.storage.sql.database import Dialect
from services.api.storage.sql.rows import EXPORT_COLUMNS, to_export
from services.api.storage.sql.tables import exports, in_states

MAX_LOOKED_AT = 2000
"""Exports that one page looks at: some 50 ms of a reader, most of it for labels."""

_c = exports.c
Conditions = list[sa.ColumnElement[bool]]


class Listing:
    """Reads pages from one database, each of which looks at `max_looked_at` exports at most."""

    def __init__(self, dialect: Dialect, max_looked_at: int = MAX_LOOKED_AT) -> None:
        self._dialect = dialect
        self._max_looked_at = max_looked_at

    def page(self, db: sa.Connection, tenant: str, filter_: ExportFilter, before_id: str, limit: int) -> ExportPage:
        """As ExportStore.page."""
        others = _not_indexed(self._dialect, filter_)
        most = max(self._max_looked_at, limit + 1) if others else limit + 1
        ids = _walked(db, tenant, filter_, before_id, most)
        rows = db.execute(_of(tenant, filter_, ids).where(*others).limit(limit + 1)).mappings().all() if ids else []
        exports = tuple(to_export(row) for row in rows[:limit])
        if len(rows) > limit:
            return ExportPage(exports, exports[-1].id)
        return ExportPage(exports, ids[-1] if len(ids) == most else "")


def _of(tenant: str, filter_: ExportFilter, ids: Sequence[str]) -> sa.Select[Any]:
    """Those that are wanted still: they may have changed after their ids were read."""
    there = [_c.id.in_(ids), _c.tenant == tenant, _c.deleted_time.is_(None)]
    states = [in_states(filter_.states)] if filter_.states else []
    return sa.select(*EXPORT_COLUMNS).where(*there, *states).order_by(_c.id.desc())


def _walked(db: sa.Connection, tenant: str, filter_: ExportFilter, before_id: str, most: int) -> list[str]:
    """The newest ids of what an index finds: of each state that is wanted, else of the type, else of all."""
    before = (_c.id < before_id,) if before_id else ()
    all_ = sa.select(_c.id).where(_c.tenant == tenant, _c.deleted_time.is_(None), *before)
    newest = [all_.where(*each).order_by(_c.id.desc()).limit(most) for each in _indexed(filter_)]
    if len(newest) == 1:
        return [*db.execute(newest[0]).scalars()]
    ids = sa.union_all(*(sa.select(each.subquery().c.id) for each in newest)).subquery()
    return [*db.execute(sa.select(ids.c.id).order_by(ids.c.id.desc()).limit(most)).scalars()]


def _indexed(filter_: ExportFilter) -> list[Conditions]:
    """Alternatives, each with an index of its own that has the ids in order."""
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
