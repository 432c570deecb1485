# Made of exportd_client/aio/keys.py by `make proto`: change that one.
"""The methods of KeyService."""

from collections.abc import Generator, Sequence
from datetime import timedelta

from exportd.v1.key_service_pb2 import (
    CreateKeyRequest,
    CreateKeyResponse,
    Key,
    KeyHolder,
    ListKeysRequest,
    RevokeKeyRequest,
    RotateKeyRequest,
    Scope,
)
from exportd_client import conversions
from exportd_client.sync.connection import MAX_PAGE_SIZE, Link


class SyncKeys:
    """Creates, lists, rotates and revokes keys of callers and tokens of workers. Raises as SyncExportClient does.

    AccessRefused: the key of this client has not the scope `keys`, or the new one would allow more than it.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def create(
        self,
        *,
        worker: bool = False,
        tenant: str = "",
        label: str = "",
        scopes: Sequence[Scope.ValueType] = (),
        all_tenants: bool = False,
        sources: Sequence[str] = (),
        collections: Sequence[str] = (),
        tenants: Sequence[str] = (),
        lasts: timedelta | None = None,
    ) -> CreateKeyResponse:
        """Create a key and return it with its text, which cannot be shown again.

        The call is made once: after Unavailable or Unreachable, list the keys before you repeat it.

        worker: a token for workers, which may have `sources` and `tenants`; else a key of a caller. scopes: empty:
        create, read and cancel. lasts: 1 minute to 10 years; None: until it is revoked.
        """
        request = CreateKeyRequest(
            holder=KeyHolder.KEY_HOLDER_WORKER if worker else KeyHolder.KEY_HOLDER_CALLER,
            tenant=tenant,
            label=label,
            scopes=scopes,
            all_tenants=all_tenants,
            sources=sources,
            collections=collections,
            tenants=tenants,
            lasts=conversions.duration(lasts),
        )
        return self._link.ask_once(self._link.keys.CreateKey, request)

    def list(self, *, page_size: int = MAX_PAGE_SIZE) -> Generator[Key]:
        """Yield keys by id, including revoked ones: those of the tenant, or all with a key for all tenants."""
        for page in self._link.pages(self._link.keys.ListKeys, ListKeysRequest(page_size=page_size)):
            for key in page.keys:
                yield key

    def rotate(self, key_id: str, *, overlap: timedelta | None = None) -> CreateKeyResponse:
        """Create a key with the same rights. The old one ends after `overlap`, up to 30 days; None means a day.

        The call is made once. Raises NotFound if there is no key with this id, or if it has ended already.
        """
        request = RotateKeyRequest(key_id=key_id, overlap=conversions.duration(overlap))
        return self._link.ask_once(self._link.keys.RotateKey, request)

    def revoke(self, key_id: str) -> Key:
        """End a key within a second. May be repeated. Raises NotFound if there is no key with this id."""
        return self._link.ask(self._link.keys.RevokeKey, RevokeKeyRequest(key_id=key_id))
