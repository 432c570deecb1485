"""Signatures of Standard Webhooks (symmetric, v1), and their secrets."""

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
    """The secrets of each tenant: the configured ones, newest first, or one derived from the server's key.

    Thus callbacks are signed from the first one on, without any setup on the server.
    """

    def __init__(self, server_key: bytes, configured: Callable[[str], Sequence[bytes]]) -> None:
        self._server_key = server_key
        self._configured = configured

    def of(self, tenant: str) -> Sequence[bytes]:
        """Return one or two raw keys. A callback has a signature with each of them."""
        return self._configured(tenant) or (self._derived(tenant),)

    def shown(self, tenant: str) -> list[str]:
        """Return the secrets as libraries for receivers take them: `whsec_` and base64."""
        return [_PREFIX + base64.b64encode(secret).decode() for secret in self.of(tenant)]

    def _derived(self, tenant: str) -> bytes:
        purpose = b"exportd callback secret " + tenant.encode()
        return HKDF(SHA256(), _SECRET_BYTES, salt=None, info=purpose).derive(self._server_key)


def signed(message_id: str, now: datetime, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of Standard Webhooks: the id of the message, the time of this attempt, and the signatures."""
    timestamp = str(int(now.timestamp()))
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(content, secret) for secret in secrets),
    }


def _signature(content: bytes, secret: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
