"""The store of download links."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.api.domain.audit import NOBODY, Origin
from services.api.domain.links import DownloadLink


class LinkStore(Protocol):
    """The links of exports. They are removed together with their export, or some time after they have expired.

    The entry in the audit trail is written in the same transaction as the change; see ExportStore.
    """

    async def add(self, link: DownloadLink, most: int = 0, *, by: Origin = NOBODY) -> None:
        """Store a new link, whose id must not be in use, of an export that exists.

        Its tenant may have `most` links that can be used; 0: any number. Raises QuotaExceeded, also if the export has
        too many: see `domain.links`.
        """
        ...

    async def add_for_mail(self, link: DownloadLink) -> DownloadLink:
        """Store a link with a sealed token, unless there is one for the same delivery and file; return the stored one.

        No limit of links refuses it.

        So repeated attempts to send a mail send the same link. If the export no longer exists, this raises an error.
        """
        ...

    async def find(self, link_id: str) -> DownloadLink | None:
        """Return the link with this id, valid or not; None if there is none."""
        ...

    async def page(self, tenant: str, export_id: str, after_id: str, limit: int) -> Sequence[DownloadLink]:
        """Return up to `limit` links of an export with ids above `after_id`, sorted by id."""
        ...

    async def use(
        self, link_id: str, use_id: str, now: datetime, repeated_since: datetime, *, by: Origin = NOBODY
    ) -> DownloadLink | None:
        """Count a use of a valid link that is not used up, and return the link.

        If the last use had the same `use_id` and was later than `repeated_since`, it is the same use: nothing changes.
        Return None if the link cannot be used.
        """
        ...

    async def redigest(self, link_id: str, before: bytes, after: bytes) -> None:
        """Store another digest of a link if its digest is still `before` and its token is not sealed. Idempotent.

        A sealed token needs the same server key as the digest, and the digests say which keys are needed.
        """
        ...

    async def revoke(self, link_id: str, tenant: str, now: datetime, *, by: Origin = NOBODY) -> DownloadLink | None:
        """Revoke a link of a tenant and return it, also if it was revoked before; None if there is no such link."""
        ...
