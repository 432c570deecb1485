"""API keys of callers and tokens of workers: their fields, their text form, and what they allow."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from fnmatch import fnmatchcase

from services.api.domain import key_texts

MAX_LABEL_CHARACTERS = 100

_PATTERNS = re.compile("[A-Za-z0-9_.*?-]{1,128}")


class Holder(Enum):
    """Who holds a key. The value is the prefix of the key's text."""

    CALLER = "exd"
    WORKER = "exw"


_HOLDERS = frozenset(holder.value for holder in Holder)


class Scope(Enum):
    """A permission of a caller's key."""

    CREATE = "create"
    READ = "read"
    CANCEL = "cancel"
    OPERATE = "operate"
    KEYS = "keys"


CALLERS_SCOPES = frozenset({Scope.CREATE, Scope.READ, Scope.CANCEL})
"""The scopes of a key for which none are given."""

SCOPES_BEYOND_COLLECTIONS = frozenset({Scope.OPERATE, Scope.KEYS})
"""Scopes that a key for some collections cannot have: they are about more than collections."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is stored. `digest` is the keyed hash of its text; the text itself is not stored.

    A caller's key has a `tenant` and the scopes that it allows there; with `all_tenants` OperatorService also shows it
    other tenants. `collections` are patterns of the codes that it sees, such as `Orders*`; empty means all. A worker's
    token has `sources`, the ids of the sources that its jobs may read, and `tenants` whose jobs it gets; empty means
    all. `lineage` is the id of the first key from which this one descends by rotations.
    """

    id: str
    holder: Holder
    tenant: str
    label: str
    digest: bytes = field(repr=False)
    scopes: frozenset[Scope]
    all_tenants: bool
    sources: frozenset[str]
    create_time: datetime
    expire_time: datetime | None = None
    revoke_time: datetime | None = None
    lineage: str = ""
    collections: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """A key that replaces no other is the first of its lineage."""
        if not self.lineage:
            object.__setattr__(self, "lineage", self.id)

    def valid_at(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired at `now`."""
        return self.revoke_time is None and (self.expire_time is None or now < self.expire_time)


def fits(collection: str, patterns: Iterable[str]) -> bool:
    """Whether the code of a collection matches one of the patterns."""
    return any(fnmatchcase(collection, pattern) for pattern in patterns)


def is_pattern(text: str) -> bool:
    """Whether this is a valid pattern of codes."""
    return _PATTERNS.fullmatch(text) is not None


def written(holder: Holder, id_: str, secret: str) -> str:
    """Return the text of a key, as its holder sends it."""
    return key_texts.written(holder.value, id_, secret)


def read(text: str) -> tuple[Holder, str] | None:
    """Return the holder and the id from the text of a key; None for any other text, including a mistyped key."""
    found = key_texts.read(text)
    if found is None or found[0] not in _HOLDERS:
        return None
    return Holder(found[0]), found[1]
