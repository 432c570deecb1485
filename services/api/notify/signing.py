"""Signatures of callbacks: of Standard Webhooks (symmetric, v1) and of Syntage; and their secrets."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime

from services.api.secrets.ring import KeyState
from services.api.secrets.server_keys import Derived, ServerKeys

_PREFIX = "whsec_"


class CallbackSecrets:
    """The secrets of each tenant: the configured ones, newest first, or those derived from the server's keys.

    Thus callbacks are signed from the first one on, without any setup on the server.
    """

    def __init__(self, keys: ServerKeys, configured: Callable[[str], Sequence[bytes]]) -> None:
        self._keys = keys
        self._configured = configured

    def of(self, tenant: str) -> Sequence[bytes]:
        """Return the raw secrets, newest first. A callback has a signature with each of them."""
        return self._configured(tenant) or self._derived(tenant)

    def shown(self, tenant: str) -> list[str]:
        """Return the secrets as libraries for receivers take them: `whsec_` and base64."""
        return [_text(secret) for secret in self.of(tenant)]

    def _derived(self, tenant: str) -> Sequence[bytes]:
        """Return a secret of each key, so that receivers have time to take over that of a new primary key."""
        purpose = Derived(b"exportd callback secret " + tenant.encode())
        return [purpose.of(key) for key in self._keys.openers if key.state is not KeyState.NEW]


def signed(message_id: str, now: datetime, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of Standard Webhooks: the id of the message, the time of this attempt, and the signatures."""
    timestamp = str(int(now.timestamp()))
    content = b".".join((message_id.encode(), timestamp.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(content, secret) for secret in secrets),
    }


def signed_event(now: datetime, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers of Syntage's events: the time of this attempt with the signature, and the body's digest.

    The key is the text of a secret, `whsec_` included, because receivers use that text as it is. There is room for one
    signature: the oldest secret makes it, so that a receiver can accept a new one before it is used.
    """
    timestamp = str(int(now.timestamp()))
    content = b".".join((timestamp.encode(), body))
    signature = hmac.digest(_text(secrets[-1]).encode(), content, hashlib.sha256).hex()
    both = f"t={timestamp},s={signature}"
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return {"x-syntage-signature": both, "x-satws-signature": both, "content-digest": f"sha-256=:{digest}:"}


def _text(secret: bytes) -> str:
    return _PREFIX + base64.b64encode(secret).decode()


def _signature(content: bytes, secret: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
