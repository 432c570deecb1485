"""API keys of callers and tokens of workers: what they are, how they are written, what they allow."""

import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

ID_CHARACTERS = 10
SECRET_CHARACTERS = 40
"""Of 62 each: 238 random bits."""

MAX_LABEL_CHARACTERS = 100

_CHECK_CHARACTERS = 6
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TEXTS = re.compile(
    f"(exd|exw)_([0-9A-Za-z]{{{ID_CHARACTERS}}})([0-9A-Za-z]{{{SECRET_CHARACTERS}}})([0-9A-Za-z]{{{_CHECK_CHARACTERS}}})"
)


class Holder(Enum):
    """Who holds a key, by what its text begins with."""

    CALLER = "exd"
    WORKER = "exw"


class Scope(Enum):
    """What a key of a caller allows."""

    CREATE = "create"
    READ = "read"
    CANCEL = "cancel"
    OPERATE = "operate"
    KEYS = "keys"


CALLERS_SCOPES = frozenset({Scope.CREATE, Scope.READ, Scope.CANCEL})
"""What a key allows when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept. `digest` is the keyed hash of its text, which is not kept.

    Of a caller: its `tenant`, what it allows there, and with `all_tenants` what OperatorService shows of others.
    Of a worker: `sources` that its jobs may read, by id; empty: all.
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

    def valid_at(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoke_time is None and (self.expire_time is None or now < self.expire_time)


def written(holder: Holder, id_: str, secret: str) -> str:
    """The text of a key, as its holder sends it."""
    body = f"{holder.value}_{id_}{secret}"
    return body + _check_of(body)


def read(text: str) -> tuple[Holder, str] | None:
    """Who holds the key, and its id; None for what is no text of a key, a typo included."""
    found = _TEXTS.fullmatch(text)
    if found is None or _check_of(text[:-_CHECK_CHARACTERS]) != found[4]:
        return None
    return Holder(found[1]), found[2]


def _check_of(body: str) -> str:
    """CRC-32 in base 62: scanners for leaked keys, and we, tell a key from noise without asking anybody."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK_CHARACTERS):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
