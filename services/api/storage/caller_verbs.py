"""What callers do with exports: each a function over one connection, in the transaction it is given."""

import hmac
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from services.api.domain.export import Export
from services.api.domain.states import LEASABLE, TERMINAL, Event, State, sources, target
from services.api.ports import MOST_POSITIONS, Depth, ExportFilter, RequestMark
from services.api.storage import changes
from services.api.storage.column_types import UtcTime
from services.api.storage.json_sql import holds
from services.api.storage.rows import EXPORT_COLUMNS, Row, new_row, to_export
from services.api.storage.tables import exports, in_states, requests
from services.contract.errors import ExportDeleted, ExportNotFound, IllegalTransition, NotQueued, RequestIdReused
from services.contract.spec import JobSpec

REQUEST_ID_LASTS = timedelta(hours=24)

_c = exports.c
_by_id = sa.select(*EXPORT_COLUMNS).where(_c.id == sa.bindparam("of_id"), _c.tenant == sa.bindparam("of_tenant"))
_by_file = sa.select(*EXPORT_COLUMNS).where(
    sa.or_(_c.file_id == sa.bindparam("of_file"), _c.attachments_id == sa.bindparam("of_file")),
    _c.tenant == sa.bindparam("of_tenant"),
    _c.deleted_time.is_(None),
)
_new = insert(requests)
# Returns a row when the request_id is ours: it was free, or its time was over.
_take_request_id = _new.on_conflict_do_update(
    index_elements=["tenant", "request_id"],
    set_={name: _new.excluded[name] for name in ("digest", "export_id", "create_time")},
    where=requests.c.create_time <= sa.bindparam("lapsed", type_=UtcTime),
).returning(requests.c.export_id)
_first_with_request_id = (
    sa.select(requests.c.digest.label("request_digest"), *EXPORT_COLUMNS)
    .join_from(requests, exports)
    .where(requests.c.tenant == sa.bindparam("of_tenant"), requests.c.request_id == sa.bindparam("of_request"))
)
_ahead = (
    sa.select(_c.id)
    .where(in_states({State.QUEUED}), _c.tenant == sa.bindparam("of_tenant"), _c.id < sa.bindparam("of_id"))
    .limit(MOST_POSITIONS - 1)
)
_first_queued = (
    sa.select(_c.id)
    .where(in_states({State.QUEUED}), _c.tenant == sa.bindparam("of_tenant"))
    .order_by(_c.id)
    .limit(MOST_POSITIONS)
)
_count_ahead = sa.select(sa.func.count()).select_from(_ahead.subquery())


def create(
    db: sa.Connection, export: Export, spec: JobSpec, mark: RequestMark | None, sealed_password: bytes | None
) -> Export:
    if mark is not None and not _takes(db, export, mark):
        return _made_before(db, export.tenant, mark)
    db.execute(sa.insert(exports), new_row(export, spec, sealed_password))
    return export


def _takes(db: sa.Connection, export: Export, mark: RequestMark) -> bool:
    """True when the request_id now stands for this export, False when it stands for another."""
    taken = db.execute(
        _take_request_id,
        {
            "tenant": export.tenant,
            "request_id": mark.request_id,
            "digest": mark.digest,
            "export_id": export.id,
            "create_time": export.create_time,
            "lapsed": export.create_time - REQUEST_ID_LASTS,
        },
    )
    return taken.first() is not None


def _made_before(db: sa.Connection, tenant: str, mark: RequestMark) -> Export:
    found = db.execute(_first_with_request_id, {"of_tenant": tenant, "of_request": mark.request_id})
    row = found.mappings().one()
    if not hmac.compare_digest(row["request_digest"], mark.digest):
        raise RequestIdReused(mark.request_id)
    if row["deleted_time"] is not None:
        raise ExportDeleted(row["id"])
    return to_export(row)


def cancel(
    db: sa.Connection, tenant: str, export_id: str, now: datetime, *, only_if_queued: bool
) -> tuple[Export, str]:
    change = changes.CANCEL_QUEUED if only_if_queued else changes.CANCEL
    row = db.execute(change, {"of_tenant": tenant, "of_id": export_id, "now": now}).mappings().first()
    if row is not None:
        return to_export(row), row["ended_lease_id"] or ""
    return _cancelled_before(get(db, tenant, export_id), export_id), ""


def _cancelled_before(export: Export | None, export_id: str) -> Export:
    """Why nothing was cancelled, unless it was cancelled before."""
    if export is None:
        raise ExportNotFound(export_id)
    if export.state is target(Event.CANCEL):
        return export
    if export.state in sources(Event.CANCEL):
        raise NotQueued(export_id, export.state.value)
    raise IllegalTransition(export_id, export.state.value, "cancel")


def delete(db: sa.Connection, tenant: str, export_id: str, now: datetime) -> Export | None:
    row = db.execute(changes.DELETE, {"of_tenant": tenant, "of_id": export_id, "now": now}).mappings().first()
    if row is not None:
        return to_export(row)
    there = _row(db, tenant, export_id)
    if there is None:
        raise ExportNotFound(export_id)
    if there["deleted_time"] is not None:
        return None
    raise IllegalTransition(export_id, there["state"].value, "delete")


def _row(db: sa.Connection, tenant: str, export_id: str) -> Row | None:
    """Tombstones too."""
    return db.execute(_by_id, {"of_tenant": tenant, "of_id": export_id}).mappings().first()


def get(db: sa.Connection, tenant: str, export_id: str) -> Export | None:
    row = _row(db, tenant, export_id)
    return None if row is None or row["deleted_time"] is not None else to_export(row)


def get_by_file(db: sa.Connection, tenant: str, file_id: str) -> Export | None:
    row = db.execute(_by_file, {"of_tenant": tenant, "of_file": file_id}).mappings().first()
    return None if row is None else to_export(row)


def page(db: sa.Connection, tenant: str, wanted: ExportFilter, before_id: str, limit: int) -> list[Export]:
    newest_first = (
        sa.select(*EXPORT_COLUMNS)
        .where(_c.tenant == tenant, _c.deleted_time.is_(None), *_conditions(wanted))
        .order_by(_c.id.desc())
        .limit(limit)
    )
    if before_id:
        newest_first = newest_first.where(_c.id < before_id)
    return [to_export(row) for row in db.execute(newest_first).mappings()]


def _conditions(wanted: ExportFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [holds(_c.labels, *label) for label in wanted.labels.items()]
    if wanted.states:
        conditions.append(in_states(wanted.states))
    if wanted.type:
        conditions.append(_c.type == wanted.type)
    if wanted.created_after is not None:
        conditions.append(_c.create_time >= wanted.created_after)
    if wanted.created_before is not None:
        conditions.append(_c.create_time < wanted.created_before)
    return conditions


def queue_position(db: sa.Connection, export: Export) -> int:
    return 1 + db.execute(_count_ahead, {"of_tenant": export.tenant, "of_id": export.id}).scalar_one()


def first_queued(db: sa.Connection, tenant: str) -> list[str]:
    return [*db.execute(_first_queued, {"of_tenant": tenant}).scalars()]


def depth(db: sa.Connection, now: datetime) -> Depth:
    counts = dict.fromkeys((state for state in State if state not in TERMINAL), 0)
    for state in counts:
        # One state a query: each is then counted in an index of its own.
        part = LEASABLE if state in LEASABLE else {state}
        counting = sa.select(sa.func.count()).where(in_states(part), in_states({state}))
        counts[state] = db.execute(counting).scalar_one()
    return Depth(counts, max(_waits(db, now), default=timedelta()))


def _waits(db: sa.Connection, now: datetime) -> list[timedelta]:
    """How long the first export that was never tried and the first that is due again have waited."""
    leasable = in_states(LEASABLE)
    first_new: sa.Select[Any] = sa.select(_c.create_time).where(leasable, _c.next_attempt_time.is_(None))
    first_due: sa.Select[Any] = sa.select(_c.next_attempt_time).where(leasable, _c.next_attempt_time <= now)
    since = (
        db.execute(first_new.order_by(_c.id).limit(1)).scalar(),
        db.execute(first_due.order_by(_c.next_attempt_time).limit(1)).scalar(),
    )
    return [now - moment for moment in since if moment is not None]
