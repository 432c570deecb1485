"""The removal of what is no longer needed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from services.api.domain.links import KEPT_AFTER_END
from services.api.domain.quotas import WINDOWS
from services.api.domain.states import TERMINAL, Event, target
from services.api.ports.exports import REQUEST_ID_LASTS
from services.api.ports.retention import Kept
from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.rows import Row
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import (
    audit,
    audit_horizon,
    deliveries,
    exports,
    in_states,
    installation,
    line,
    links,
    requests,
    tenants,
    usage,
)
from services.contract.job import LeaseRef

_c = exports.c
_before = sa.bindparam("before", type_=UtcTime)
_now = sa.bindparam("now", type_=UtcTime)
_count = sa.bindparam("count", type_=sa.Integer)
_of_leases = sa.select(_c.id, _c.state, _c.lease_id, _c.file_expire_time, _c.deleted_time).where(
    _c.id.in_(sa.bindparam("ids", expanding=True))
)
_unannounced = sa.exists().where(deliveries.c.export_id == _c.id, deliveries.c.state == sa.literal_column("'PENDING'"))
_old = (
    sa.select(_c.id)
    .where(in_states(TERMINAL), _c.end_time <= _before, sa.not_(_unannounced))
    .where(sa.or_(_c.file_expire_time.is_(None), _c.file_expire_time <= _now))
    .order_by(_c.end_time)
    .limit(_count)
)
_tombstones = (
    sa.select(_c.id)
    .where(_c.deleted_time.is_not(None), _c.deleted_time <= _before, sa.not_(_unannounced))
    .order_by(_c.deleted_time)
    .limit(_count)
)
_forget = sa.delete(exports).where(_c.id.in_(sa.bindparam("ids", expanding=True)))
_lapsed = sa.delete(requests).where(
    sa.tuple_(requests.c.tenant, requests.c.request_id).in_(
        sa.select(requests.c.tenant, requests.c.request_id).where(requests.c.create_time <= _before).limit(_count)
    )
)
_present = sa.select(sa.func.max(tenants.c.served)).scalar_subquery()
_in_line = sa.exists().where(line.c.tenant == tenants.c.tenant)
# Rows without effect: such a tenant starts at the present anyway. The row that defines the present stays.
_idle = sa.delete(tenants).where(tenants.c.vtime <= _present, tenants.c.served < _present, sa.not_(_in_line))
_unused = sa.delete(usage).where(usage.c.window_start <= _before)
_dead_links = sa.delete(links).where(
    links.c.id.in_(
        sa.select(links.c.id).where(links.c.expire_time <= _before).order_by(links.c.expire_time).limit(_count)
    )
)
_store = sa.select(installation.c.store_id)
_any_export = sa.select(_c.id).limit(1)
_over = sa.select(audit.c.id).where(audit.c.time < _before).order_by(audit.c.time, audit.c.id).limit(_count)
_forget_audit = sa.delete(audit).where(audit.c.id.in_(sa.bindparam("ids", expanding=True)))


class RetentionVerbs:
    """The verbs of a RetentionStore."""

    def __init__(self, sql: Statements) -> None:
        self._keep_store = sql.keep_store
        self._set_horizon = sql.dialect.insert_or_set(audit_horizon, ("deletable_before",))

    def belongs_to(self, db: sa.Connection, store_id: str, *, is_empty: bool) -> str:
        known = db.execute(_store).scalar()
        if known is None and not is_empty and db.execute(_any_export).first() is None:
            return ""
        if known is None:
            db.execute(self._keep_store, {"id": 1, "store_id": store_id})
            known = db.execute(_store).scalar_one()  # another process may have been first
        return str(known)

    def artifact_store(self, db: sa.Connection) -> str:
        return str(db.execute(_store).scalar() or "")

    def kept(self, db: sa.Connection, leases: Sequence[LeaseRef], now: datetime, grace: timedelta) -> list[Kept]:
        ids = sorted({lease.export_id for lease in leases})
        rows = {row["id"]: row for row in db.execute(_of_leases, {"ids": ids}).mappings()}
        return [_kept(rows.get(lease.export_id), lease, now - grace) for lease in leases]

    def forget(self, db: sa.Connection, now: datetime, rows_kept: timedelta, limit: int) -> int:
        lapsed = now - REQUEST_ID_LASTS
        old = db.execute(_old, {"before": now - rows_kept, "now": now, "count": limit}).scalars().all()
        gone = db.execute(_tombstones, {"before": lapsed, "count": limit}).scalars().all()
        removed = db.execute(_lapsed, {"before": lapsed, "count": limit}).rowcount
        removed += db.execute(_idle).rowcount
        removed += db.execute(_dead_links, {"before": now - KEPT_AFTER_END, "count": limit}).rowcount
        db.execute(_unused, {"before": now - 2 * max(WINDOWS.values())})
        if ids := [*old, *gone]:
            removed += db.execute(_forget, {"ids": ids}).rowcount
        return removed

    def forget_audit(self, db: sa.Connection, before: datetime, limit: int) -> int:
        over = db.execute(_over, {"before": before, "count": limit}).scalars().all()
        if not over:
            return 0
        db.execute(self._set_horizon, {"id": 1, "deletable_before": before})
        return db.execute(_forget_audit, {"ids": over}).rowcount


def _kept(row: Row | None, lease: LeaseRef, latest: datetime) -> Kept:
    """Return what the artifacts of a lease are. Only the lease in the row can complete or has completed."""
    if row is None:
        return Kept.UNKNOWN
    if row["lease_id"] != lease.lease_id:
        return Kept.OVER
    ends = [moment for moment in (row["file_expire_time"], row["deleted_time"]) if moment is not None]
    is_over = row["state"] is target(Event.COMPLETE) and any(moment <= latest for moment in ends)
    return Kept.OVER if is_over else Kept.NEEDED
