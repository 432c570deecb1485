"""The server's keys in a running process, which may be read again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.api.secrets.ring import KeyRing, ServerKey
from services.contract.identity import MadeOnce

MAX_RINGS_KNOWN = 4
"""The current one, and some that were replaced."""

READ_AGAIN_AFTER_S = 1.0
"""How often an unknown id makes a process read its keys again, at most."""


@dataclass(frozen=True, slots=True)
class Again:
    """How keys are read again without delay: `read` raises nothing but ValueError. `monotonic` returns seconds."""

    read: Callable[[], KeyRing]
    monotonic: Callable[[], float]


def _primary_first(ring: KeyRing) -> Sequence[ServerKey]:
    return tuple(sorted(ring.keys, key=lambda key: key is not ring.primary))


_openers = MadeOnce(_primary_first, MAX_RINGS_KNOWN)


class ServerKeys:
    """The keys that this process knows.

    If a value names a key that is not among them, they are read again: another process may have rotated them.
    """

    def __init__(self, ring: KeyRing, again: Again | None = None) -> None:
        """Without `again` the keys change by `use` alone."""
        self._ring = ring
        self._again = again
        self._not_before = float("-inf")

    @classmethod
    def of(cls, secret: bytes) -> "ServerKeys":
        """Return the keys of a process with one key."""
        return cls(KeyRing.of(secret))

    @property
    def ring(self) -> KeyRing:
        """The keys as they were last read."""
        return self._ring

    @property
    def primary(self) -> ServerKey:
        """The key that seals."""
        return self._ring.primary

    @property
    def openers(self) -> Sequence[ServerKey]:
        """All keys, the primary one first."""
        return _openers(self._ring)

    def find(self, key_id: str) -> ServerKey | None:
        """Return the key with this id; None if there is none, not even after reading the keys again."""
        known = self._ring.find(key_id)
        return known or (self._ring.find(key_id) if self._is_read_again() else None)

    def use(self, ring: KeyRing) -> None:
        """Use these keys from now on."""
        self._ring = ring

    def _is_read_again(self) -> bool:
        if self._again is None or (now := self._again.monotonic()) < self._not_before:
            return False
        self._not_before = now + READ_AGAIN_AFTER_S
        try:
            self._ring = self._again.read()
        except ValueError:
            return False
        return True


class Derived:
    """The keys for one purpose, each derived from a key of the server. Without a purpose it is that key itself."""

    def __init__(self, purpose: bytes) -> None:
        self._purpose = purpose
        self._known: dict[bytes, bytes] = {}

    def of(self, key: ServerKey) -> bytes:
        """Return the 32 bytes for this purpose."""
        if not self._purpose:
            return key.secret
        found = self._known.get(key.secret)
        if found is None:
            found = self._known[key.secret] = HKDF(SHA256(), 32, salt=None, info=self._purpose).derive(key.secret)
        return found
