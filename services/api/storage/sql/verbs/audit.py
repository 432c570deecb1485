"""The verbs of an AuditStore. Nothing here changes an entry, and the database refuses to."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from services.api.domain.audit import Action, AuditEntry, Origin
from services.api.ports.audit import AuditFilter, AuditPage, AuditPlace
from services.api.storage.sql.listed import Appended
from services.api.storage.sql.listing import MAX_LOOKED_AT
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.rows import Row
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import audit

_c = audit.c
_COLUMNS = tuple(column.name for column in _c if column.name != "id")
_insert = Appended(audit, _COLUMNS)
_newest_first = (_c.time.desc(), _c.id.desc())


def append(db: sa.Connection, entries: Sequence[AuditEntry]) -> None:
    """Add entries, in the transaction of what they are about."""
    _insert.run_each(db, map(_row_of, entries))


class AuditVerbs:
    """The verbs that depend on the engine."""

    def __init__(self, sql: Statements) -> None:
        self._insert = Prepared(sql.dialect.insert_or_keep(audit).inline(), sets=_COLUMNS)

    def add(self, db: sa.Connection, given: Sequence[Sequence[AuditEntry]]) -> list[None]:
        """Add the entries of several callers, but none twice. A ListVerb."""
        self._insert.run_each(db, [_row_of(entry) for entries in given for entry in entries])
        return [None] * len(given)


def page(
    db: sa.Connection, filter_: AuditFilter, after: AuditPlace | None, limit: int, max_looked_at: int = MAX_LOOKED_AT
) -> AuditPage:
    """Return a page; see `AuditStore.page`. It examines at most `max_looked_at` entries."""
    others = _not_indexed(filter_)
    most = max(max_looked_at, limit + 1) if others else limit + 1
    walked = sa.select(audit).where(*_indexed(filter_, after)).order_by(*_newest_first)
    looked_at = walked.limit(most).subquery()
    found = sa.select(looked_at).where(*(condition(looked_at.c) for condition in others))
    newest = found.order_by(looked_at.c.time.desc(), looked_at.c.id.desc()).limit(limit + 1)
    entries = tuple(_entry_of(row) for row in db.execute(newest).mappings())
    if len(entries) > limit:
        return AuditPage(entries[:limit], _place_of(entries[limit - 1]))
    last = db.execute(walked.with_only_columns(_c.time, _c.id).limit(1).offset(most - 1)).first() if others else None
    return AuditPage(entries, AuditPlace(last.time, last.id) if last else None)


def _indexed(filter_: AuditFilter, after: AuditPlace | None) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that an index answers: one of a resource, of a tenant, or of all, each sorted by time.

    With a resource the tenant is a condition on the few entries of that resource.
    """
    conditions: list[sa.ColumnElement[bool]] = []
    if filter_.resource:
        conditions.append(_c.resource == filter_.resource)
    elif filter_.tenant is not None:
        conditions.append(_c.tenant == filter_.tenant)
    if filter_.since is not None:
        conditions.append(_c.time >= filter_.since)
    if filter_.before is not None:
        conditions.append(_c.time < filter_.before)
    if after is not None:
        place = sa.tuple_(sa.literal(after.time, _c.time.type), sa.literal(after.id, _c.id.type))
        conditions.append(sa.tuple_(_c.time, _c.id) < place)
    return conditions


def _not_indexed(filter_: AuditFilter) -> list[Any]:
    """Return the other conditions, each as a function of the columns."""
    conditions: list[Any] = []
    if filter_.resource and filter_.tenant is not None:
        conditions.append(lambda c: c.tenant == filter_.tenant)
    if filter_.actions:
        names = sorted(action.name for action in filter_.actions)
        conditions.append(lambda c: c.action.in_(names))
    if filter_.principal:
        conditions.append(lambda c: c.principal == filter_.principal)
    return conditions


def _place_of(entry: AuditEntry) -> AuditPlace:
    return AuditPlace(entry.time, entry.id)


def _row_of(entry: AuditEntry) -> Mapping[str, Any]:
    return {
        "time": entry.time,
        "tenant": entry.tenant,
        "action": entry.action.name if entry.action else "",
        "resource": entry.resource,
        "principal": entry.by.principal,
        "request_id": entry.by.request_id,
        "peer": entry.by.peer,
        "bytes": entry.bytes,
        "details": entry.details,
        "once": entry.once or None,
    }


def _entry_of(row: Row) -> AuditEntry:
    return AuditEntry(
        action=Action.__members__.get(row["action"]),
        time=row["time"],
        tenant=row["tenant"],
        resource=row["resource"],
        by=Origin(row["principal"], row["request_id"], row["peer"]),
        bytes=row["bytes"],
        details=row["details"],
        once=row["once"] or "",
        id=row["id"],
    )
