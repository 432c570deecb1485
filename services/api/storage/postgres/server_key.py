"""Checks that all processes with the same database have the same server key."""

import hashlib
import hmac

import sqlalchemy as sa

from services.api.secrets.ring import KeyState, ServerKey
from services.api.secrets.server_keys import ServerKeys
from services.api.storage.postgres.database import PostgresDatabase
from services.runtime.startup import CannotStart

PURPOSE = b"exportd: which key this is"

_keep = sa.text("INSERT INTO server_key (fingerprint) VALUES (:fingerprint) ON CONFLICT DO NOTHING")
_change = sa.text("UPDATE server_key SET fingerprint = :after WHERE fingerprint = :before")
_kept = sa.text("SELECT fingerprint FROM server_key")


class KeyOfAnother(CannotStart):
    """The process has another key, so it could not read the passwords, page tokens and signatures of the others."""

    def __init__(self) -> None:
        super().__init__(
            "the processes on this database have another server key: give this one the same (EXPORTD_SECRET_KEY_FILE, "
            "EXPORTD_SECRET_KEY or EXPORTD_SECRET_KEY_COMMAND)"
        )


async def check_key(database: PostgresDatabase, keys: ServerKeys) -> None:
    """Check that this process has the primary key of the database; the first process stores its fingerprint.

    If that key is retired here, the primary key of this process becomes that of the database: from then on no process
    starts without it. Raises KeyOfAnother, StoreUnavailable.
    """
    known = {_fingerprint(key): key for key in keys.ring.keys}
    primary = _fingerprint(keys.primary)

    def kept(db: sa.Connection) -> str:
        db.execute(_keep, {"fingerprint": primary})
        there = str(db.execute(_kept).scalar_one())
        if there in known and known[there].state is KeyState.RETIRED:
            db.execute(_change, {"before": there, "after": primary})
        return there

    if await database.write(kept) not in known:
        raise KeyOfAnother


def _fingerprint(key: ServerKey) -> str:
    return hmac.digest(key.secret, PURPOSE, hashlib.sha256).hex()
