"""Signatures of Standard Webhooks, symmetric (v1), and the secrets that make them."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SECRET_BYTES = 32
_PREFIX = "whsec_"


class CallbackSecrets:
    """Secrets by tenant: those that `configured` gives, newest first, else one derived from the server's key.

    So that callbacks are signed from the first one on, and a receiver's owner has nothing to set up on the server.
    """

    def __init__(self, server_key: bytes, configured: Callable[[str], Sequence[bytes]]) -> None:
        self._server_key = server_key
        self._configured = configured

    def of(self, tenant: str) -> Sequence[bytes]:
        """One or two raw keys; each signs."""
        return self._configured(tenant) or (self._derived(tenant),)

    def shown(self, tenant: str) -> list[str]:
        """The same as a receiver's library takes them: `whsec_` and base64."""
        return [_PREFIX + base64.b64encode(secret).decode() for secret in self.of(tenant)]

    def _derived(self, tenant: str) -> bytes:
        purpose = b"exportd callback secret " + tenant.encode()
        return HKDF(SHA256(), _SECRET_BYTES, salt=None, info=purpose).derive(self._server_key)


def signed(message_id: str, now: datetime, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """The headers of Standard Webhooks: the id of the message, the time of this try, a signature with each secret."""
    timestamp = str(int(now.timestamp()))
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(content, secret) for secret in secrets),
    }


def _signature(content: bytes, secret: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
