"""Stored keys of callers and workers: keyed hashes, from which the keys cannot be restored."""

import secrets
import string
from typing import Protocol

from services.api.domain.key_texts import ID_CHARACTERS, SECRET_CHARACTERS, written
from services.api.domain.keys import Holder
from services.api.domain.links import TOKEN_PREFIX
from services.api.secrets.digests import Digests
from services.api.secrets.server_keys import ServerKeys

_CHARACTERS = string.digits + string.ascii_letters


class Digested(Protocol):
    """What is stored of a secret: its digest."""

    @property
    def digest(self) -> bytes: ...


class KeyDigests:
    """Computes HMAC-SHA-256 with a key derived from the server's key, for keys and for tokens of links.

    A slow hash is not needed: the texts of keys are random, unlike passwords that people choose.
    """

    def __init__(self, keys: ServerKeys) -> None:
        self._digests = Digests(keys, b"exportd api keys")

    def of(self, text: str) -> bytes:
        """Return the digest of a key's text."""
        return self._digests.of(text.encode())

    def fits(self, stored: Digested, text: str) -> bool:
        """Whether `text` is the text of this key or link. The comparison takes constant time."""
        return self._digests.fits(stored.digest, text.encode())

    def is_outdated(self, stored: Digested) -> bool:
        """Whether the stored digest was computed with a key of the server that is retired."""
        return self._digests.is_outdated(stored.digest)


def new_text(holder: Holder) -> str:
    """Return the text of a new key, with a new random id."""
    return _text(holder.value)


def new_token() -> str:
    """Return the token of a new link, with a new random id."""
    return _text(TOKEN_PREFIX)


def _text(prefix: str) -> str:
    return written(prefix, _random(ID_CHARACTERS), _random(SECRET_CHARACTERS))


def _random(count: int) -> str:
    return "".join(secrets.choice(_CHARACTERS) for _ in range(count))
