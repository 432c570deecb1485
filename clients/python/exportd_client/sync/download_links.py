# Made of exportd_client/aio/download_links.py by `make proto`: change that one.
"""The methods of LinkService for those who create links."""

from collections.abc import Generator
from datetime import timedelta

from exportd.v1.link_service_pb2 import (
    CreateDownloadLinkRequest,
    CreateDownloadLinkResponse,
    DownloadLink,
    ListDownloadLinksRequest,
    RevokeDownloadLinkRequest,
)
from exportd_client import conversions
from exportd_client.sync.connection import MAX_PAGE_SIZE, Link


class SyncDownloadLinks:
    """Creates, lists and revokes links with which people without credentials download a file.

    Raises as SyncExportClient does.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    def create(
        self,
        export_id: str = "",
        *,
        file_id: str = "",
        lasts: timedelta | None = None,
        max_uses: int = 0,
        label: str = "",
    ) -> CreateDownloadLinkResponse:
        """Create a link and return it with its token and its URL, which cannot be shown again.

        The call is made once: after Unavailable or Unreachable, list the links before you repeat it.

        Give export_id for the file of an export, or file_id for any file. lasts: from a minute to the maximum of the
        service; None: that maximum. A link never outlasts its file. max_uses: up to 1000; 0: any number.
        """
        request = CreateDownloadLinkRequest(lasts=conversions.duration(lasts), max_uses=max_uses, label=label)
        if file_id:
            request.file_id = file_id
        else:
            request.export_id = export_id
        return self._link.ask_once(self._link.links.CreateDownloadLink, request)

    def list(self, export_id: str, *, page_size: int = MAX_PAGE_SIZE) -> Generator[DownloadLink]:
        """Yield the links of an export by id, including those that have ended."""
        request = ListDownloadLinksRequest(export_id=export_id, page_size=page_size)
        for page in self._link.pages(self._link.links.ListDownloadLinks, request):
            for link in page.links:
                yield link

    def revoke(self, link_id: str) -> DownloadLink:
        """End a link within a second. May be repeated. Raises NotFound if there is no link with this id."""
        return self._link.ask(self._link.links.RevokeDownloadLink, RevokeDownloadLinkRequest(link_id=link_id))
