"""The verbs of a LinkStore."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.api.domain.links import DownloadLink
from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.tables import links

_c = links.c
_FIELDS = tuple(each.name for each in fields(DownloadLink))
_id = sa.bindparam("of_id", type_=sa.Text)
_tenant = sa.bindparam("of_tenant", type_=sa.Text)
_now = sa.bindparam("now", type_=UtcTime)
_by_id = sa.select(links).where(_c.id == _id)
_of_export = (
    sa.select(links)
    .where(_c.tenant == _tenant, _c.export_id == sa.bindparam("of_export", type_=sa.Text))
    .where(_c.id > sa.bindparam("after", type_=sa.Text))
    .order_by(_c.id)
    .limit(sa.bindparam("count", type_=sa.Integer))
)
_to_send = sa.select(links).where(
    _c.delivery_id == sa.bindparam("of_delivery", type_=sa.Text),
    _c.file_id == sa.bindparam("of_file", type_=sa.Text),
    _c.sealed_token.is_not(None),
)
_use_id = sa.bindparam("use_id", type_=sa.Text)
_repeated = sa.and_(_c.last_use_id == _use_id, _c.last_use_time > sa.bindparam("since", type_=UtcTime))
_use = (
    sa.update(links)
    .where(_c.id == _id, _c.revoke_time.is_(None), _c.expire_time > _now)
    .where(sa.or_(_c.max_uses == 0, _c.uses < _c.max_uses, _repeated))
    .values(
        uses=_c.uses + sa.case((_repeated, 0), else_=1),
        last_use_time=sa.case((_repeated, _c.last_use_time), else_=_now),
        last_use_id=_use_id,
    )
    .returning(links)
)
_revoke = (
    sa.update(links)
    .where(_c.id == _id, _c.tenant == _tenant)
    .values(revoke_time=sa.func.coalesce(_c.revoke_time, _now))
    .returning(links)
)


def add(db: sa.Connection, link: DownloadLink) -> None:
    db.execute(sa.insert(links), _row_of(link))


def add_for_mail(db: sa.Connection, link: DownloadLink) -> DownloadLink:
    """Nobody else adds one for the same delivery meanwhile: each is held by one process, and its index is unique."""
    there = _first(db.execute(_to_send, {"of_delivery": link.delivery_id, "of_file": link.file_id}))
    if there is None:
        add(db, link)
    return there or link


def find(db: sa.Connection, link_id: str) -> DownloadLink | None:
    return _first(db.execute(_by_id, {"of_id": link_id}))


def page(db: sa.Connection, tenant: str, export_id: str, after_id: str, limit: int) -> list[DownloadLink]:
    given = {"of_tenant": tenant, "of_export": export_id, "after": after_id, "count": limit}
    return [_link_of(row) for row in db.execute(_of_export, given).mappings()]


def use(db: sa.Connection, link_id: str, use_id: str, now: datetime, repeated_since: datetime) -> DownloadLink | None:
    return _first(db.execute(_use, {"of_id": link_id, "use_id": use_id, "now": now, "since": repeated_since}))


def revoke(db: sa.Connection, link_id: str, tenant: str, now: datetime) -> DownloadLink | None:
    return _first(db.execute(_revoke, {"of_id": link_id, "of_tenant": tenant, "now": now}))


def _first(result: sa.CursorResult[Any]) -> DownloadLink | None:
    row = result.mappings().first()
    return None if row is None else _link_of(row)


def _row_of(link: DownloadLink) -> dict[str, Any]:
    return {name: getattr(link, name) for name in _FIELDS}


def _link_of(row: sa.RowMapping) -> DownloadLink:
    return DownloadLink(**row)
