"""Page tokens: encrypted, valid for a day, and only for the list for which they were made."""

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256, Hash

from services.api.secrets.server_keys import Derived, ServerKeys
from services.contract.errors import InvalidRequest, Violation

LASTS = timedelta(days=1)
"""How long a token is valid. After a rotation, the old key is needed for this time."""

_MARK = "."
"""Between the id of the key and the rest. The rest is base64 for URLs, which has no dot."""


class PageTokens:
    """Encrypts and decrypts page tokens."""

    def __init__(self, keys: ServerKeys, wall: Callable[[], datetime]) -> None:
        """`wall` returns the time of day."""
        self._keys = keys
        self._wall = wall
        self._derived = Derived(b"exportd page token")

    def sealed(self, place: str, bound_to: bytes) -> str:
        """Return the token for the page after `place`. `bound_to` identifies the list: its owner and its filters."""
        key = self._keys.primary
        content = json.dumps([place, _digest(bound_to)]).encode()
        token = self._fernet(key.id).encrypt_at_time(content, self._now()).decode()
        return f"{key.id}{_MARK}{token}" if key.id else token

    def opened(self, token: str, bound_to: bytes) -> str:
        """Return the place after which the page begins; empty for the first page.

        Raises InvalidRequest for an invalid token.
        """
        if not token:
            return ""
        key_id, _, rest = token.rpartition(_MARK)
        try:
            place, found = json.loads(self._decrypted(key_id, rest.encode()))
        except (InvalidToken, UnicodeEncodeError):
            found = ""
        if found != _digest(bound_to):
            raise InvalidRequest(
                (
                    Violation(
                        "page_token",
                        "belongs to another tenant or other filters, or is older than a day; start with the first page",
                    ),
                )
            )
        return str(place)

    def _now(self) -> int:
        return int(self._wall().timestamp())

    def _decrypted(self, key_id: str, token: bytes) -> bytes:
        """Return the content of a token. Raises InvalidToken. The clock of the process that made it may be ahead."""
        fernet = self._fernet(key_id)
        if self._now() - fernet.extract_timestamp(token) > LASTS.total_seconds():
            raise InvalidToken
        return fernet.decrypt(token)

    def _fernet(self, key_id: str) -> Fernet:
        """Return the cipher of a key. Raises InvalidToken if there is no such key."""
        key = self._keys.find(key_id)
        if key is None:
            raise InvalidToken
        return Fernet(base64.urlsafe_b64encode(self._derived.of(key)))


def _digest(bound_to: bytes) -> str:
    digest = Hash(SHA256())
    digest.update(bound_to)
    return digest.finalize().hex()
