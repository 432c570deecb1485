"""Page tokens: sealed, bound to a tenant and its filters, and good for nothing else."""

import base64
import json
from dataclasses import asdict

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.api.ports.exports import ExportFilter
from services.contract.errors import InvalidRequest, Violation


class PageTokens:
    """Makes page tokens and reads them. `secret` is the server's key, 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        key = HKDF(SHA256(), 32, salt=None, info=b"exportd page token").derive(secret)
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def sealed(self, last_id: str, tenant: str, filters: ExportFilter) -> str:
        """The token of the page after the export `last_id`."""
        return self._fernet.encrypt(json.dumps([last_id, _bound_to(tenant, filters)]).encode()).decode()

    def opened(self, token: str, tenant: str, filters: ExportFilter) -> str:
        """The id after which the page begins; empty for the first. Raises InvalidRequest for any other token."""
        if not token:
            return ""
        try:
            last_id, bound_to = json.loads(self._fernet.decrypt(token.encode()))
        except (InvalidToken, UnicodeEncodeError):
            bound_to = ""
        if bound_to != _bound_to(tenant, filters):
            raise InvalidRequest((Violation("page_token", "is not one of this tenant and these filters; start again"),))
        return str(last_id)


def _bound_to(tenant: str, wanted: ExportFilter) -> str:
    filters = asdict(wanted) | {"states": sorted(state.value for state in wanted.states)}
    digest = Hash(SHA256())
    digest.update(json.dumps([tenant, filters], sort_keys=True, default=str).encode())
    return digest.finalize().hex()
