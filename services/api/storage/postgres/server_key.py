"""Whether a process has the key of the others on its database."""

import hashlib
import hmac

import sqlalchemy as sa

from services.api.storage.postgres.database import PostgresDatabase
from services.runtime.startup import CannotStart

PURPOSE = b"exportd: which key this is"

_keep = sa.text("INSERT INTO server_key (fingerprint) VALUES (:fingerprint) ON CONFLICT DO NOTHING")
_kept = sa.text("SELECT fingerprint FROM server_key")


class KeyOfAnother(CannotStart):
    """Passwords, page tokens and signatures that others made could not be read."""

    def __init__(self) -> None:
        super().__init__(
            "EXPORTD_SECRET_KEY_FILE: the processes on this database have another key: give this one the same file"
        )


async def check_key(database: PostgresDatabase, secret: bytes) -> None:
    """The first process says which key it is. Raises KeyOfAnother, StoreUnavailable."""
    fingerprint = hmac.digest(secret, PURPOSE, hashlib.sha256).hex()

    def kept(db: sa.Connection) -> str:
        db.execute(_keep, {"fingerprint": fingerprint})
        return str(db.execute(_kept).scalar_one())

    if not hmac.compare_digest(await database.write(kept), fingerprint):
        raise KeyOfAnother
