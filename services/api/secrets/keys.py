"""Stored keys of callers and workers: keyed hashes, from which the keys cannot be restored."""

import hmac
import secrets
import string
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.api.domain.key_texts import ID_CHARACTERS, SECRET_CHARACTERS, written
from services.api.domain.keys import Holder
from services.api.domain.links import TOKEN_PREFIX

_CHARACTERS = string.digits + string.ascii_letters


class Digested(Protocol):
    """What is stored of a secret: its digest."""

    @property
    def digest(self) -> bytes: ...


class KeyDigests:
    """Computes HMAC-SHA-256 with a key derived from the server's key `secret`, for keys and for tokens of links.

    A slow hash is not needed: the texts of keys are random, unlike passwords that people choose.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = HKDF(SHA256(), 32, salt=None, info=b"exportd api keys").derive(secret)

    def of(self, text: str) -> bytes:
        """Return the digest of a key's text."""
        return hmac.digest(self._key, text.encode(), "sha256")

    def fits(self, stored: Digested, text: str) -> bool:
        """Whether `text` is the text of this key or link. The comparison takes constant time."""
        return hmac.compare_digest(stored.digest, self.of(text))


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
