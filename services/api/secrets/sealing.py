"""Sealed values: encrypted and authenticated, bound to what they belong to, with the id of the key that sealed them."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.api.secrets.ring import ID_BYTES, UNNAMED
from services.api.secrets.server_keys import Derived, ServerKeys

NONCE_BYTES = 12
MAGIC = b"\xffexk"
"""The beginning of a sealed value with the id of its key. What the key without an id sealed begins with a nonce."""

HEAD_BYTES = len(MAGIC) + ID_BYTES


class SealBroken(Exception):
    """The value was sealed for something else or with another key, or is damaged."""


class KeyUnknown(SealBroken):
    """The key with which the value was sealed is not known to this process."""


class Sealer:
    """Seals values with AES-256-GCM, with keys that are derived from the server's keys for one purpose."""

    def __init__(self, keys: ServerKeys, purpose: bytes) -> None:
        self._keys = keys
        self._derived = Derived(purpose)

    def sealed(self, plain: bytes, bound_to: bytes) -> bytes:
        """Return the value in the form that may be stored: the id of the key, a random nonce and the ciphertext."""
        key, nonce = self._keys.primary, secrets.token_bytes(NONCE_BYTES)
        head = MAGIC + key.mark if key.id else b""
        return head + nonce + AESGCM(self._derived.of(key)).encrypt(nonce, plain, bound_to)

    def opened(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Return the value. Raises SealBroken, KeyUnknown."""
        key_id = key_of(sealed)
        key = self._keys.find(key_id)
        if key is None:
            raise KeyUnknown
        body = sealed[HEAD_BYTES:] if key_id else sealed
        try:
            return AESGCM(self._derived.of(key)).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError):
            raise SealBroken from None


def key_of(sealed: bytes) -> str:
    """Return the id of the key that sealed a value."""
    return sealed[len(MAGIC) : HEAD_BYTES].hex() if sealed.startswith(MAGIC) else UNNAMED
