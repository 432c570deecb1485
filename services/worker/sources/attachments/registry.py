"""Where attachments come from: one kind of source, one class, one table of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import BinaryIO, Protocol

from services.contract.spec import AttachmentSpec, SourceRef
from services.worker.sources import errors
from services.worker.sources.attachments.blobs import BlobFiles
from services.worker.sources.attachments.buckets import BucketFiles
from services.worker.sources.attachments.urls import UrlFiles
from services.worker.sources.settings import SourceSettings, named
from services.worker.sources.stores.folder import Folder

Row = dict[str, str | None]
Open = Callable[[AttachmentSpec, str, Row], BinaryIO | None]


class Files(Protocol):
    """The attachments of one source."""

    def open(self, attachment: AttachmentSpec, path: str, row: Row) -> BinaryIO | None:
        """The content of the attachment of `row`; the caller closes it. None when there is none.

        `path` is that of the attachment, with the row's values in its placeholders. Called by several threads. Raises
        SourceFailed, as may the stream.
        """
        ...

    def close(self) -> None:
        """Let go of connections; those in use end with their streams."""
        ...


class _FolderFiles:
    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def open(self, _attachment: AttachmentSpec, path: str, _row: Row) -> BinaryIO | None:
        return self._folder.open(path)

    def close(self) -> None:
        """Nothing is kept open."""


@contextmanager
def opened(settings: Mapping[str, SourceSettings], attachments: tuple[AttachmentSpec, ...]) -> Iterator[Open]:
    """What opens the attachments of a job. Raises SourceFailed (SOURCE_UNKNOWN)."""
    with ExitStack() as stack:
        refs = dict.fromkeys(a.source for a in attachments)
        files = {ref: stack.enter_context(closing(files_of(settings, ref))) for ref in refs}
        yield lambda attachment, path, row: files[attachment.source].open(attachment, path, row)


def files_of(settings: Mapping[str, SourceSettings], ref: SourceRef) -> Files:
    """The attachments of a source. Raises SourceFailed (SOURCE_UNKNOWN)."""
    found = named(settings, ref)
    if found.kind == "folder":
        return _FolderFiles(Folder(found))
    if found.kind == "object" and found.objects:
        return BucketFiles(found.id, found.objects)
    if found.http:
        return UrlFiles(found.id, found.http)
    if found.kind == "sql":
        return BlobFiles(found)
    raise errors.unknown(ref.id, ref.kind)
