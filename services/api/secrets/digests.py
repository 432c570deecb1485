"""Keyed digests that say which key they were computed with."""

import hmac

from services.api.secrets.ring import ID_BYTES, UNNAMED, KeyState, ServerKey
from services.api.secrets.server_keys import Derived, ServerKeys

DIGEST_BYTES = 32


class Digests:
    """Computes HMAC-SHA-256 with keys that are derived from the server's keys for one purpose.

    A digest is preceded by the id of the key; that of the key without an id is not. Without a purpose the server's keys
    themselves are used.
    """

    def __init__(self, keys: ServerKeys, purpose: bytes) -> None:
        self._keys = keys
        self._derived = Derived(purpose)
        self._begun: dict[bytes, hmac.HMAC] = {}

    def of(self, text: bytes) -> bytes:
        """Return the digest of a text with the primary key."""
        return self._with(self._keys.primary, text)

    def each(self, text: bytes) -> list[bytes]:
        """Return the digests of a text with all keys, the primary one first."""
        return [self._with(key, text) for key in self._keys.openers]

    def fits(self, digest: bytes, text: bytes) -> bool:
        """Whether this is the digest of the text, with the key that it names. The comparison takes constant time."""
        key = self._keys.find(key_of(digest))
        return key is not None and hmac.compare_digest(digest, self._with(key, text))

    def is_outdated(self, digest: bytes) -> bool:
        """Whether a digest was computed with a retired key.

        One with a new key is not: it is from a process that has made this key the primary one already.
        """
        key = self._keys.find(key_of(digest))
        return key is not None and key.state is KeyState.RETIRED

    def _with(self, key: ServerKey, text: bytes) -> bytes:
        """Return the digest. Only a copy of what was begun with the key is continued.

        `hmac.digest` hands over the interpreter's lock, which takes longer than to compute a digest of a short text.
        """
        secret = self._derived.of(key)
        begun = self._begun.get(secret)
        if begun is None:
            begun = self._begun[secret] = hmac.new(secret, digestmod="sha256")
        digest = begun.copy()
        digest.update(text)
        return key.mark + digest.digest()


def key_of(digest: bytes) -> str:
    """Return the id of the key with which a digest was computed."""
    return digest[:ID_BYTES].hex() if len(digest) == ID_BYTES + DIGEST_BYTES else UNNAMED
