"""The server's keys: one is the primary key, which seals; the others still open what they have sealed."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

KEY_BYTES = 32
"""The fewest bytes of a key."""

ID_BYTES = 4
UNNAMED = ""
"""The id of the key of a file without ids, as version 0.2 wrote it. What it seals has no id either."""

MAX_KEYS = 8
"""Most keys of a ring."""

_ID_PURPOSE = b"exportd: id of this key"


class KeyState(Enum):
    """What a key is for. NEW: every process should know it before it is the primary key. RETIRED: it was that once."""

    NEW = "new"
    PRIMARY = "primary"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class ServerKey:
    """A key of the server. `since` is when it got its state; None if nobody has noted that."""

    id: str
    secret: bytes = field(repr=False)
    state: KeyState = KeyState.PRIMARY
    since: datetime | None = None

    @property
    def mark(self) -> bytes:
        """The id in bytes; empty for the key without an id."""
        return bytes.fromhex(self.id)


class RotationRefused(Exception):
    """The ring cannot be changed in this way. The message says why."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of the server, oldest first. Exactly one of them is the primary key."""

    keys: tuple[ServerKey, ...]

    @classmethod
    def of(cls, secret: bytes) -> "KeyRing":
        """Return a ring with one key, which has no id."""
        return cls((ServerKey(UNNAMED, secret),))

    @property
    def primary(self) -> ServerKey:
        """The key that seals."""
        return next(key for key in self.keys if key.state is KeyState.PRIMARY)

    @property
    def newest(self) -> ServerKey:
        """The key that was added last."""
        return self.keys[-1]

    def find(self, key_id: str) -> ServerKey | None:
        """Return the key with this id; None if there is none."""
        return next((key for key in self.keys if key.id == key_id), None)

    def with_new(self, secret: bytes, now: datetime) -> "KeyRing":
        """Return a ring with one more key, which does not seal yet. Raises RotationRefused."""
        if waiting := [key.id for key in self.keys if key.state is KeyState.NEW]:
            raise RotationRefused(f"the key {waiting[0]} is new already: make it the primary key first")
        if len(self.keys) >= MAX_KEYS:
            raise RotationRefused(f"there are {MAX_KEYS} keys: remove the unused ones first")
        return KeyRing((*self.keys, ServerKey(id_of(secret), secret, KeyState.NEW, now)))

    def with_newest_primary(self, now: datetime) -> "KeyRing":
        """Return a ring whose newest key is the primary one. Raises RotationRefused."""
        if self.newest.state is not KeyState.NEW:
            raise RotationRefused("there is no new key: add one first")
        return KeyRing(
            tuple(_changed(key, KeyState.PRIMARY if key is self.newest else KeyState.RETIRED, now) for key in self.keys)
        )

    def without(self, ids: Iterable[str]) -> "KeyRing":
        """Return a ring without these retired keys."""
        gone = {*ids}
        return KeyRing(tuple(key for key in self.keys if key.state is not KeyState.RETIRED or key.id not in gone))


def _changed(key: ServerKey, state: KeyState, now: datetime) -> ServerKey:
    return key if key.state is state else replace(key, state=state, since=now)


def id_of(secret: bytes) -> str:
    """Return the id of a key: 8 hexadecimal digits that are computed from it, so that a damaged key is noticed."""
    return hmac.digest(secret, _ID_PURPOSE, hashlib.sha256)[:ID_BYTES].hex()
