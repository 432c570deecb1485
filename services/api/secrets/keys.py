"""Keys of callers and workers at rest: as keyed hashes, from which nobody makes a key again."""

import hmac
import secrets
import string

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.api.domain.keys import ID_CHARACTERS, SECRET_CHARACTERS, Holder, Key, written

_CHARACTERS = string.digits + string.ascii_letters


class KeyDigests:
    """HMAC-SHA-256 under a key of its own, derived from the server's key `secret`. Texts of keys are random: what
    slows guessing down is for passwords that people choose.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = HKDF(SHA256(), 32, salt=None, info=b"exportd api keys").derive(secret)

    def of(self, text: str) -> bytes:
        """The digest to keep of a key's text."""
        return hmac.digest(self._key, text.encode(), "sha256")

    def fits(self, key: Key, text: str) -> bool:
        """Whether it is this key's text, in a time that tells nothing."""
        return hmac.compare_digest(key.digest, self.of(text))


def new_text(holder: Holder) -> str:
    """A new key's text, with an id that nobody has."""
    return written(holder, _random(ID_CHARACTERS), _random(SECRET_CHARACTERS))


def _random(count: int) -> str:
    return "".join(secrets.choice(_CHARACTERS) for _ in range(count))
