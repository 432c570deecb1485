"""What tenants use of their quotas."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.api.domain.export import Export
from services.api.domain.links import DownloadLink
from services.api.domain.notifications import notification_count
from services.api.domain.quotas import Quota, Quotas, exceeded, window_start
from services.api.domain.states import LEASABLE, Event, sources, target
from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.database import Columns
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import exports, in_states, links, live_links, usage

_c, _u, _l = exports.c, usage.c, links.c
_of_tenant = sa.bindparam("of_tenant", type_=sa.Text)
_own = (_c.tenant == _of_tenant, _c.deleted_time.is_(None))
_first_waiting = sa.select(_c.id).where(in_states(LEASABLE), *_own).limit(sa.bindparam("most", type_=sa.Integer))
_waiting = Prepared(sa.select(sa.func.count().label("count")).select_from(_first_waiting.subquery()))
_all_waiting = sa.select(sa.func.count()).where(in_states(LEASABLE), *_own)
_running = sa.select(sa.func.count()).where(in_states(sources(Event.RELEASE)), _c.tenant == _of_tenant)
_beside = sa.cast(_c.attachments["artifact", "size_bytes"].as_string(), sa.BigInteger)
_kept = sa.select(sa.func.sum(_c.file_size_bytes + sa.func.coalesce(_beside, 0))).where(
    in_states({target(Event.COMPLETE)}), *_own, _c.file_expire_time > sa.bindparam("now", type_=UtcTime)
)
_live_links = sa.select(_l.id).where(_l.tenant == _of_tenant, *live_links(sa.bindparam("now", type_=UtcTime)))
_some_live_links = sa.select(sa.func.count()).select_from(
    _live_links.limit(sa.bindparam("most", type_=sa.Integer)).subquery()
)
_all_live_links = sa.select(sa.func.count()).select_from(_live_links.subquery())
_used = sa.select(_u.used).where(
    _u.tenant == _of_tenant,
    _u.quota == sa.bindparam("of_quota", type_=sa.Text),
    _u.window_start >= sa.bindparam("since", type_=UtcTime),
)
_COUNTED = (Quota.CREATES, Quota.PREVIEWS, Quota.NOTIFICATIONS)


class UsageVerbs:
    """The verbs of a UsageStore, and what creating an export counts."""

    def __init__(self, sql: Statements) -> None:
        self._one_writer = sql.dialect.one_writer
        columns = [column.name for column in usage.columns]
        self._take = Prepared(sql.dialect.insert_or_merge(usage, _added, _has_room).returning(_u.used), sets=columns)
        self._lock = Prepared(sql.dialect.insert_or_merge(usage, _as_new), sets=columns)

    def created(self, db: sa.Connection, export: Export, quotas: Quotas, pending: int) -> None:
        """Count a new export. `pending` others of the tenant are not written yet. Raises QuotaExceeded."""
        if quotas.waiting:
            self._check_waiting(db, export, quotas.waiting, pending)
        if quotas.creates_a_minute:
            self.take(db, export.tenant, Quota.CREATES, quotas.creates_a_minute, export.create_time)
        notices = notification_count(export)
        if notices and quotas.notifications_a_day:
            most = quotas.notifications_a_day
            self.take(db, export.tenant, Quota.NOTIFICATIONS, most, export.create_time, count=notices)

    def _check_waiting(self, db: sa.Connection, export: Export, most: int, pending: int) -> None:
        """Check under a lock: no other process counts the same exports meanwhile."""
        self._lock_tenant(db, export.tenant, Quota.WAITING, export.create_time)
        waiting = _waiting.scalar(db, {"of_tenant": export.tenant, "most": most}) + pending
        if waiting >= most:
            raise exceeded(Quota.WAITING, most, most, export.create_time)

    def linked(self, db: sa.Connection, link: DownloadLink, most: int) -> None:
        """Count a new link of a tenant that may have `most` which can be used. Raises QuotaExceeded."""
        self._lock_tenant(db, link.tenant, Quota.LINKS, link.create_time)
        of = {"of_tenant": link.tenant, "now": link.create_time, "most": most}
        if db.execute(_some_live_links, of).scalar_one() >= most:
            raise exceeded(Quota.LINKS, most, most, link.create_time)

    def _lock_tenant(self, db: sa.Connection, tenant: str, quota: Quota, now: datetime) -> None:
        """Let no other process count the same until this transaction ends."""
        if not self._one_writer:
            self._lock.run(db, {"tenant": tenant, "quota": quota.name, "window_start": now, "used": 0})

    def take(self, db: sa.Connection, tenant: str, quota: Quota, most: int, now: datetime, *, count: int = 1) -> None:
        start = window_start(quota, now)
        row = {"tenant": tenant, "quota": quota.name, "window_start": start, "used": count, "most": most}
        if count > most or self._take.first(db, row) is None:
            raise exceeded(quota, _used_of(db, tenant, quota, now), most, now)

    def kept_bytes(self, db: sa.Connection, tenant: str, now: datetime) -> int:
        return int(db.execute(_kept, {"of_tenant": tenant, "now": now}).scalar() or 0)

    def usage(self, db: sa.Connection, tenant: str, now: datetime) -> Mapping[Quota, int]:
        of = {"of_tenant": tenant}
        return {
            Quota.WAITING: db.execute(_all_waiting, of).scalar_one(),
            Quota.RUNNING: db.execute(_running, of).scalar_one(),
            Quota.KEPT_BYTES: self.kept_bytes(db, tenant, now),
            Quota.LINKS: db.execute(_all_live_links, {**of, "now": now}).scalar_one(),
            **{quota: _used_of(db, tenant, quota, now) for quota in _COUNTED},
        }


def _used_of(db: sa.Connection, tenant: str, quota: Quota, now: datetime) -> int:
    of = {"of_tenant": tenant, "of_quota": quota.name, "since": window_start(quota, now)}
    return db.execute(_used, of).scalar() or 0


def _added(new: Columns) -> Mapping[str, Any]:
    """A later window begins anew. An earlier one, by a clock that is behind, counts in the window that is there."""
    later = new.window_start > _u.window_start
    return {
        "window_start": sa.case((later, new.window_start), else_=_u.window_start),
        "used": sa.case((later, new.used), else_=_u.used + new.used),
    }


def _has_room(new: Columns) -> sa.ColumnElement[bool]:
    later = new.window_start > _u.window_start
    return sa.or_(later, _u.used + new.used <= sa.bindparam("most", type_=sa.BigInteger))


def _as_new(new: Columns) -> Mapping[str, Any]:
    return {"window_start": new.window_start}
