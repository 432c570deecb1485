"""The verbs of a LinkStore."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.api.domain.audit import MAILS, NOBODY, Action, Origin, of_link, of_new_link
from services.api.domain.links import MAX_LIVE_OF_EXPORT, MAX_STORED_OF_EXPORT, DownloadLink
from services.api.domain.links import check_room as check_room_of
from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.tables import exports, links, live_links
from services.api.storage.sql.verbs import audit

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
_valid = (_c.revoke_time.is_(None), _c.expire_time > _now)
_of = sa.bindparam("of_export", type_=sa.Text)
_stored = sa.select(_c.id).where(_c.export_id == _of)
_live_ends = sa.select(_c.expire_time).where(_c.export_id == _of, *live_links(_now))
_lock_export = sa.select(exports.c.id).where(exports.c.id == _of).with_for_update(key_share=True)
_use_id = sa.bindparam("use_id", type_=sa.Text)
_repeated = sa.and_(_c.last_use_id == _use_id, _c.last_use_time > sa.bindparam("since", type_=UtcTime))
_use = (
    sa.update(links)
    .where(_c.id == _id, *live_links(_now), sa.not_(_repeated))
    .values(uses=_c.uses + 1, last_use_time=_now, last_use_id=_use_id)
    .returning(links)
)
_used_before = _by_id.where(*_valid, _repeated)
_revoke = (
    sa.update(links)
    .where(_c.id == _id, _c.tenant == _tenant, _c.revoke_time.is_(None))
    .values(revoke_time=_now)
    .returning(links)
)
_redigest = (
    sa.update(links)
    .where(_c.id == _id, _c.digest == sa.bindparam("digest_before", type_=sa.LargeBinary), _c.sealed_token.is_(None))
    .values(digest=sa.bindparam("digest_after", type_=sa.LargeBinary))
)


def check_room(db: sa.Connection, link: DownloadLink) -> None:
    """Check that its export can have another link, and lock the export against other processes that do so."""
    of = {"of_export": link.export_id}
    db.execute(_lock_export, of)
    ends = db.execute(_live_ends.limit(MAX_LIVE_OF_EXPORT), {**of, "now": link.create_time}).scalars().all()
    stored = db.execute(_stored.limit(MAX_STORED_OF_EXPORT), of).all()
    check_room_of(ends, len(stored), link.create_time)


def add(db: sa.Connection, link: DownloadLink, *, by: Origin = NOBODY) -> None:
    db.execute(sa.insert(links), _row_of(link))
    audit.append(db, [of_new_link(link, by)])


def add_for_mail(db: sa.Connection, link: DownloadLink) -> DownloadLink:
    """Nobody else adds one for the same delivery meanwhile: each is held by one process, and its index is unique."""
    there = _first(db.execute(_to_send, {"of_delivery": link.delivery_id, "of_file": link.file_id}))
    if there is None:
        add(db, link, by=MAILS)
    return there or link


def find(db: sa.Connection, link_id: str) -> DownloadLink | None:
    return _first(db.execute(_by_id, {"of_id": link_id}))


def page(db: sa.Connection, tenant: str, export_id: str, after_id: str, limit: int) -> list[DownloadLink]:
    given = {"of_tenant": tenant, "of_export": export_id, "after": after_id, "count": limit}
    return [_link_of(row) for row in db.execute(_of_export, given).mappings()]


def use(
    db: sa.Connection, link_id: str, use_id: str, now: datetime, repeated_since: datetime, *, by: Origin = NOBODY
) -> DownloadLink | None:
    """Count a use, unless it is the last one repeated: whoever else repeats it meanwhile, one of them counts it."""
    given = {"of_id": link_id, "use_id": use_id, "now": now, "since": repeated_since}
    used = _first(db.execute(_use, given))
    if used is None:
        return _first(db.execute(_used_before, given))
    audit.append(db, [of_link(Action.LINK_USED, used, by, now)])
    return used


def redigest(db: sa.Connection, link_id: str, before: bytes, after: bytes) -> None:
    db.execute(_redigest, {"of_id": link_id, "digest_before": before, "digest_after": after})


def revoke(db: sa.Connection, link_id: str, tenant: str, now: datetime, *, by: Origin = NOBODY) -> DownloadLink | None:
    revoked = _first(db.execute(_revoke, {"of_id": link_id, "of_tenant": tenant, "now": now}))
    if revoked is None:
        there = find(db, link_id)
        return there if there and there.tenant == tenant else None
    audit.append(db, [of_link(Action.LINK_REVOKED, revoked, by, now)])
    return revoked


def _first(result: sa.CursorResult[Any]) -> DownloadLink | None:
    row = result.mappings().first()
    return None if row is None else _link_of(row)


def _row_of(link: DownloadLink) -> dict[str, Any]:
    return {name: getattr(link, name) for name in _FIELDS}


def _link_of(row: sa.RowMapping) -> DownloadLink:
    return DownloadLink(**row)
