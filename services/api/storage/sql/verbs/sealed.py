"""A SealedStore in a SQL database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.api.ports.exports import REQUEST_ID_LASTS
from services.api.ports.sealed import InUse, SealedPassword
from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.database import Database
from services.api.storage.sql.tables import exports, keys, links, requests

_c = exports.c
_now = sa.bindparam("now", type_=UtcTime)
_since = sa.bindparam("since", type_=UtcTime)
_has_password = _c.sealed_password.is_not(None)
_valid = sa.and_(keys.c.revoke_time.is_(None), sa.or_(keys.c.expire_time.is_(None), keys.c.expire_time > _now))
_valid_link = sa.and_(links.c.revoke_time.is_(None), links.c.expire_time > _now)
_callbacks = sa.select(_c.tenant).distinct().where(_c.callback_url.is_not(None)).order_by(_c.tenant)


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms of stored values that name a key.

    A password that begins with `magic` has a head of `password_head` bytes; any other has none. A digest of
    `digest_bytes` has no head; any other has one of `digest_head` bytes.
    """

    magic: bytes
    password_head: int
    digest_bytes: int
    digest_head: int


class SqlSealedStore:
    """A SealedStore in a SQL database."""

    def __init__(self, database: Database, forms: Forms) -> None:
        self._db = database
        self._forms = forms

    async def in_use(self, now: datetime) -> InUse:
        return await self._db.read(lambda db: self._in_use(db, now))

    def _in_use(self, db: sa.Connection, now: datetime) -> InUse:
        times = {"now": now, "since": now - REQUEST_ID_LASTS}
        return InUse(
            passwords=_counted(db, self._password_head(), _has_password, times),
            keys=_counted(db, self._digest_head(keys.c.digest), _valid, times),
            requests=_counted(db, self._digest_head(requests.c.digest), requests.c.create_time > _since, times),
            links=_counted(db, self._digest_head(links.c.digest), _valid_link, times),
            callbacks=tuple(db.execute(_callbacks).scalars()),
        )

    def _password_head(self) -> sa.ColumnElement[Any]:
        magic, length = self._forms.magic, self._forms.password_head
        named = sa.func.substr(_c.sealed_password, 1, len(magic)) == sa.literal(magic, sa.LargeBinary)
        return sa.func.substr(_c.sealed_password, 1, sa.case((named, length), else_=0))

    def _digest_head(self, digest: sa.Column[Any]) -> sa.ColumnElement[Any]:
        unnamed = sa.func.length(digest) == self._forms.digest_bytes
        return sa.func.substr(digest, 1, sa.case((unnamed, 0), else_=self._forms.digest_head))

    async def passwords(self, after_id: str, limit: int) -> Sequence[SealedPassword]:
        wanted = sa.select(_c.id, _c.sealed_password).where(_c.id > after_id, _has_password)
        rows = await self._db.read(lambda db: db.execute(wanted.order_by(_c.id).limit(limit)).all())
        return [SealedPassword(id_, bytes(sealed)) for id_, sealed in rows]

    async def reseal(self, changes: Sequence[tuple[SealedPassword, bytes]]) -> int:
        return await self._db.write(lambda db: sum(_reseal(db, before, after) for before, after in changes))


def _counted(
    db: sa.Connection, head: sa.ColumnElement[Any], where: sa.ColumnElement[bool], times: dict[str, datetime]
) -> dict[bytes, int]:
    heads = sa.select(head.label("head")).where(where).subquery()
    found = db.execute(sa.select(heads.c.head, sa.func.count()).group_by(heads.c.head), times)
    return {bytes(value or b""): count for value, count in found}


def _reseal(db: sa.Connection, before: SealedPassword, after: bytes) -> int:
    same = sa.and_(_c.id == before.export_id, _c.sealed_password == before.sealed)
    return db.execute(sa.update(exports).where(same).values(sealed_password=after)).rowcount
