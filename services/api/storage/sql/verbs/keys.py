"""The verbs of a KeyStore."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.api.domain.audit import NOBODY, Action, Origin, of_key, of_new_key
from services.api.domain.keys import Holder, Key, Scope
from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.rows import Row
from services.api.storage.sql.tables import keys
from services.api.storage.sql.verbs import audit

_c = keys.c
_id = sa.bindparam("key_id", type_=sa.Text)
_by_id = sa.select(keys).where(_c.id == _id)
_any = sa.select(sa.exists().where(_c.holder == sa.bindparam("holder_of", type_=sa.Text)))
_ends = sa.bindparam("ends", type_=UtcTime)
_end = (
    sa.update(keys)
    .where(_c.id == _id, _c.revoke_time.is_(None))
    .where(sa.or_(_c.expire_time.is_(None), _c.expire_time > sa.bindparam("at", type_=UtcTime)))
    .values(expire_time=sa.case((_c.expire_time < _ends, _c.expire_time), else_=_ends))
    .returning(keys)
)
_of_tenant = sa.bindparam("of_tenant", type_=sa.Text)
_seen = sa.or_(_of_tenant.is_(None), _c.tenant == _of_tenant)
_by_id_if_seen = _by_id.where(_seen)
_revoke = (
    sa.update(keys)
    .where(_c.id == _id, _seen, _c.revoke_time.is_(None))
    .values(revoke_time=sa.bindparam("now", type_=UtcTime))
    .returning(keys)
)
_redigest = (
    sa.update(keys)
    .where(_c.id == _id, _c.digest == sa.bindparam("digest_before", type_=sa.LargeBinary))
    .values(digest=sa.bindparam("digest_after", type_=sa.LargeBinary))
)


def add(db: sa.Connection, key: Key, *, by: Origin = NOBODY) -> None:
    db.execute(sa.insert(keys), _row_of(key))
    audit.append(db, [of_new_key(key, by)])


def find(db: sa.Connection, key_id: str) -> Key | None:
    return _first(db.execute(_by_id, {"key_id": key_id}))


def any_of(db: sa.Connection, holder: Holder) -> bool:
    return bool(db.execute(_any, {"holder_of": holder.value}).scalar())


def page(db: sa.Connection, tenant: str | None, after_id: str, limit: int) -> list[Key]:
    wanted = sa.select(keys).where(_c.id > after_id).order_by(_c.id).limit(limit)
    if tenant is not None:
        wanted = wanted.where(_c.tenant == tenant)
    return [_key_of(row) for row in db.execute(wanted).mappings()]


def replace(db: sa.Connection, old_id: str, new: Key, ends: datetime, now: datetime, *, by: Origin = NOBODY) -> bool:
    old = _first(db.execute(_end, {"key_id": old_id, "ends": ends, "at": now}))
    if old is None:
        return False
    db.execute(sa.insert(keys), _row_of(new))
    audit.append(
        db, [of_key(Action.KEY_ROTATED, old, by, now, new_key_id=new.id), of_new_key(new, by, replaces=old_id)]
    )
    return True


def redigest(db: sa.Connection, key_id: str, before: bytes, after: bytes) -> None:
    db.execute(_redigest, {"key_id": key_id, "digest_before": before, "digest_after": after})


def revoke(db: sa.Connection, key_id: str, tenant: str | None, now: datetime, *, by: Origin = NOBODY) -> Key | None:
    of = {"key_id": key_id, "of_tenant": tenant}
    revoked = _first(db.execute(_revoke, {**of, "now": now}))
    if revoked is None:
        return _first(db.execute(_by_id_if_seen, of))
    audit.append(db, [of_key(Action.KEY_REVOKED, revoked, by, now)])
    return revoked


def _first(result: sa.CursorResult[Any]) -> Key | None:
    row = result.mappings().first()
    return None if row is None else _key_of(row)


def _row_of(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "holder": key.holder.value,
        "tenant": key.tenant,
        "label": key.label,
        "digest": key.digest,
        "scopes": sorted(scope.value for scope in key.scopes),
        "all_tenants": key.all_tenants,
        "sources": sorted(key.sources),
        "create_time": key.create_time,
        "expire_time": key.expire_time,
        "revoke_time": key.revoke_time,
        "lineage": key.lineage,
        "collections": sorted(key.collections),
        "tenants": sorted(key.tenants),
    }


def _key_of(row: Row) -> Key:
    values = dict(row)
    values["holder"] = Holder(values["holder"])
    values["scopes"] = frozenset(map(Scope, values["scopes"]))
    for name in ("sources", "collections", "tenants"):
        values[name] = frozenset(values[name])
    return Key(**values)
