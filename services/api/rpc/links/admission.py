"""Admits calls with a download link in place of a key."""

from collections.abc import Sequence
from contextvars import ContextVar

from services.api.rpc.metadata import Context, metadata
from services.api.usecases.links import KnownLinks, ShownLink
from services.contract.errors import BadCredentials, LinkNotFound, ScopeMissing
from services.runtime import logs

LINK_NAME = "x-exportd-link"
DOWNLOAD = "/exportd.v1.ExportService/DownloadFile"
OPEN_TO_LINKS = frozenset(
    {DOWNLOAD, "/exportd.v1.LinkService/GetLinkedFile", "/exportd.v1.LinkService/UseDownloadLink"}
)
"""All that a link allows."""

LINK: ContextVar[ShownLink | None] = ContextVar("link", default=None)
"""The link of the current call; None if it was made without one."""


class LinkAdmission:
    """Decides about calls with a link."""

    def __init__(self, links: KnownLinks) -> None:
        self._links = links

    def texts(self, context: Context) -> Sequence[str]:
        """Return the tokens and tickets that the caller sent."""
        return metadata(context, LINK_NAME)

    async def admit(self, method: str, texts: Sequence[str]) -> str:
        """Admit the call with the link in LINK, and return its text.

        Raises BadCredentials, ScopeMissing, LinkNotFound, TooManyLinkTries.
        """
        if len(texts) > 1:
            raise BadCredentials("there are several links: send one")
        if method not in OPEN_TO_LINKS:
            raise ScopeMissing("that no link has")
        shown = await self._links.find(texts[0])
        if shown is None:
            raise LinkNotFound
        logs.bind(link_id=shown.link.id, tenant=shown.link.tenant)
        if method == DOWNLOAD and not shown.by_ticket:
            raise BadCredentials("a download needs the ticket of UseDownloadLink in place of the token of the link")
        LINK.set(shown)
        return texts[0]

    async def check(self, text: str) -> None:
        """Raise BadCredentials if the link of an admitted call is no longer valid.

        A download may outlast its ticket.
        """
        if not await self._links.stands(text):
            raise BadCredentials("the link has expired or was revoked")
