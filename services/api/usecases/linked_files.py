"""What the holder of a download link may do: look at its file, and use the link to download it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from services.api.domain.export import Export, StoredFile
from services.api.domain.links import RESUMED_WITHIN, DownloadLink, Ticket
from services.api.ports.clock import Clock
from services.api.ports.links import LinkStore
from services.api.secrets.keys import KeyDigests
from services.api.usecases.downloads import DownloadRequest, Downloads
from services.api.usecases.origin import ORIGIN
from services.contract.errors import FileChanged, LinkNotFound, NotFound, WrongState


@dataclass(frozen=True, slots=True)
class LinkedFile:
    """The file of a link that can be used."""

    link: DownloadLink
    export: Export
    file: StoredFile


class LinkedFiles:
    """The use cases of those who have a link."""

    def __init__(self, store: LinkStore, downloads: Downloads, digests: KeyDigests, clock: Clock) -> None:
        self._store = store
        self._downloads = downloads
        self._digests = digests
        self._clock = clock

    async def file(self, link: DownloadLink) -> LinkedFile:
        """Return the file of a valid link. Raises LinkNotFound if the link is used up, or the file is gone.

        The link is read anew: what the gate has may be a second old, and lack the last use.
        """
        link = await self._store.find(link.id) or link
        if link.used_up:
            raise LinkNotFound
        with told_as_no_link():
            export, file = await self._downloads.requested(link.tenant, DownloadRequest(file_id=link.file_id))
        return LinkedFile(link, export, file)

    async def use(self, link: DownloadLink, use_id: str) -> tuple[str, datetime]:
        """Use a valid link, and return the text of a ticket and when it ends. Raises LinkNotFound.

        A use is counted when it begins: counted at the end of a download, a link for one use would serve any number of
        downloads at once. The ticket lets the download be resumed.
        """
        with told_as_no_link():
            await self._downloads.requested(link.tenant, DownloadRequest(file_id=link.file_id))
        now = self._clock()
        used = await self._store.use(link.id, use_id, now, now - RESUMED_WITHIN, by=ORIGIN.get())
        if used is None or used.last_use_time is None:
            raise LinkNotFound
        ends = min(used.last_use_time + RESUMED_WITHIN, used.expire_time)
        return self._ticket(used, ends)

    def _ticket(self, link: DownloadLink, ends: datetime) -> tuple[str, datetime]:
        body = Ticket.body(link.id, ends)
        return body + self._digests.of(body).hex(), datetime.fromtimestamp(int(ends.timestamp()), UTC)


@contextmanager
def told_as_no_link() -> Iterator[None]:
    """Turn every error about the state of the export or the file into LinkNotFound.

    Whoever tries links learns nothing about what exists. FileChanged is about what the caller has of this very file.
    """
    try:
        yield
    except FileChanged:
        raise
    except (NotFound, WrongState):
        raise LinkNotFound from None
