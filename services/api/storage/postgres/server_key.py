"""Checks that all processes with the same database have the same server key."""

import hashlib
import hmac

import sqlalchemy as sa

from services.api.storage.postgres.database import PostgresDatabase
from services.runtime.startup import CannotStart

PURPOSE = b"exportd: which key this is"

_keep = sa.text("INSERT INTO server_key (fingerprint) VALUES (:fingerprint) ON CONFLICT DO NOTHING")
_kept = sa.text("SELECT fingerprint FROM server_key")


class KeyOfAnother(CannotStart):
    """The process has another key, so it could not read the passwords, page tokens and signatures of the others."""

    def __init__(self) -> None:
        super().__init__(
            "EXPORTD_SECRET_KEY_FILE: the processes on this database have another key: give this one the same file"
        )


async def check_key(database: PostgresDatabase, secret: bytes) -> None:
    """Compare the key with that of the database; the first process stores its fingerprint.

    Raises KeyOfAnother, StoreUnavailable.
    """
    fingerprint = hmac.digest(secret, PURPOSE, hashlib.sha256).hex()

    def kept(db: sa.Connection) -> str:
        db.execute(_keep, {"fingerprint": fingerprint})
        return str(db.execute(_kept).scalar_one())

    if not hmac.compare_digest(await database.write(kept), fingerprint):
        raise KeyOfAnother
