"""Ids in a range: what a person means who types the beginning of an id."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from services.api.ports.exports import IdKind, IdMatch, IdRange
from services.api.storage.sql.tables import deliveries, exports


def _between(id_: sa.Column[str], export_id: sa.ColumnElement[str], *of: sa.ColumnElement[bool]) -> sa.Select[str, str]:
    within = sa.and_(id_ >= sa.bindparam("first"), id_ <= sa.bindparam("last"))
    return sa.select(id_, export_id).where(within, *of).order_by(id_).limit(sa.bindparam("most", type_=sa.Integer))


_c, _d = exports.c, deliveries.c
_there = (_c.tenant == sa.bindparam("of_tenant"), _c.deleted_time.is_(None))
_exports = _between(_c.id, _c.id.label("export_id"), *_there)
# Each uses its own index.
_files = (_between(_c.file_id, _c.id, *_there), _between(_c.attachments_id, _c.id, *_there))
_deliveries = _between(_d.id, _d.export_id, _d.tenant == sa.bindparam("of_tenant"))


def of_exports(db: sa.Connection, tenant: str, within: IdRange, limit: int) -> list[IdMatch]:
    """See ExportStore.ids."""
    of = _of(tenant, within, limit)
    files = [match for select in _files for match in _matches(db, select, IdKind.FILE, of)]
    by_id = sorted(files, key=lambda match: match.id)
    return [*_matches(db, _exports, IdKind.EXPORT, of), *by_id[:limit]]


def of_deliveries(db: sa.Connection, tenant: str, within: IdRange, limit: int) -> list[IdMatch]:
    """See Outbox.ids."""
    return [*_matches(db, _deliveries, IdKind.DELIVERY, _of(tenant, within, limit))]


def _of(tenant: str, within: IdRange, limit: int) -> dict[str, Any]:
    return {"of_tenant": tenant, "first": within.first, "last": within.last, "most": limit}


def _matches(db: sa.Connection, select: sa.Select[str, str], kind: IdKind, of: dict[str, Any]) -> Iterator[IdMatch]:
    return (IdMatch(kind, id_, export_id) for id_, export_id in db.execute(select, of))
