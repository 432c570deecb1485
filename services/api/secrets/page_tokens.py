"""Page tokens: encrypted, and valid only for the list for which they were made."""

import base64
import json

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.contract.errors import InvalidRequest, Violation


class PageTokens:
    """Encrypts and decrypts page tokens. `secret` is the server's key, 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=b"exportd page token").derive(secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def sealed(self, place: str, bound_to: bytes) -> str:
        """Return the token for the page after `place`. `bound_to` identifies the list: its owner and its filters."""
        return self._fernet.encrypt(json.dumps([place, _digest(bound_to)]).encode()).decode()

    def opened(self, token: str, bound_to: bytes) -> str:
        """Return the place after which the page begins; empty for the first page.

        Raises InvalidRequest for an invalid token.
        """
        if not token:
            return ""
        try:
            place, found = json.loads(self._fernet.decrypt(token.encode()))
        except (InvalidToken, UnicodeEncodeError):
            found = ""
        if found != _digest(bound_to):
            raise InvalidRequest(
                (Violation("page_token", "belongs to another tenant or other filters; start with the first page"),)
            )
        return str(place)


def _digest(bound_to: bytes) -> str:
    digest = Hash(SHA256())
    digest.update(bound_to)
    return digest.finalize().hex()
