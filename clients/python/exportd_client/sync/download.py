# Made of exportd_client/aio/download.py by `make proto`: change that one.
"""Downloads that are resumed where they broke off."""

from collections.abc import Generator
from contextlib import closing
from os import PathLike
from pathlib import Path

from exportd.v1.export_pb2 import Export, File
from exportd.v1.export_service_pb2 import DownloadFileRequest, DownloadHeader
from exportd_client import freed_memory
from exportd_client.download_message import data_of, header_of
from exportd_client.errors import DownloadDamaged, ExportdError, FailedPrecondition, FileChanged, InvalidArgument
from exportd_client.partial_file import Part, destination
from exportd_client.patience import Outage
from exportd_client.sources import Download, OnBytes, Source
from exportd_client.sync.behind import Behind
from exportd_client.sync.connection import Link
from exportd_client.sync.direct import from_store
from exportd_client.sync.threads import in_thread, sleep


def download(
    link: Link,
    source: Source,
    path: str | PathLike[str],
    *,
    overwrite: bool,
    direct: bool,
    progress: OnBytes | None,
) -> Download:
    """See SyncExportClient.download."""
    file = file_of(link, source)
    target = in_thread(destination, Path(path), file)
    part = in_thread(Part.open, target, file, overwrite=overwrite)
    try:
        resumed_at = part.size
        progress = progress or (lambda _done, _total: None)
        if direct:
            _fill(from_store(link, file, resumed_at), part, file, progress)
        came_direct = part.size - resumed_at
        if not direct or part.size < file.size_bytes:
            _fill(pieces(link, source, offset=part.size, sha256=file.sha256), part, file, progress)
        in_thread(part.finish)
    except (FileChanged, DownloadDamaged):
        in_thread(part.discard)
        raise
    finally:
        part.close()
    return Download(file, target, resumed_at, came_direct)


def file_of(link: Link, source: Source) -> File:
    """See SyncExportClient.file_of."""
    if not isinstance(source, File):
        return _describe(link, source)
    if not source.id:  # an unset file field reads as an empty message
        raise FailedPrecondition("the export has no such file, or not yet: ask export.HasField first")
    return source


def _describe(link: Link, source: Source) -> File:
    outage = Outage(link)
    # One byte, since a limit of 0 would mean the whole file.
    request = _request(source, limit=1)
    while True:
        try:
            with closing(_one_stream(link, request)) as arriving:
                files = [file for file, _ in arriving]
                return files[0]
        except ExportdError as error:
            sleep(outage.pause_after(error))


def read(link: Link, source: Source, *, offset: int = 0, limit: int = 0, sha256: str = "") -> Generator[bytes]:
    """Yield the bytes of a file; see SyncExportClient.stream.

    sha256: that of the only acceptable file; empty: the first file that is sent.
    """
    with closing(pieces(link, source, offset=offset, limit=limit, sha256=sha256)) as arriving:
        for piece in arriving:
            yield bytes(piece)


def pieces(link: Link, source: Source, *, offset: int = 0, limit: int = 0, sha256: str = "") -> Generator[memoryview]:
    """Yield the bytes of a file as `read` does, without copying them."""
    if offset < 0 or limit < 0:
        raise InvalidArgument("offset and limit can't be negative")
    freed_memory.keep()
    outage = Outage(link)
    goal = offset + limit if limit else None
    while goal is None or offset < goal:
        request = _request(source, offset=offset, limit=goal - offset if goal is not None else 0, sha256=sha256)
        try:
            with closing(_one_stream(link, request)) as arriving:
                for file, data in arriving:
                    sha256, goal = file.sha256, _end(file, request)
                    if data:
                        outage.over()
                        offset += len(data)
                        yield data
        except ExportdError as error:
            sleep(outage.pause_after(error))


def _one_stream(link: Link, request: DownloadFileRequest) -> Generator[tuple[File, memoryview]]:
    """Yield the file with each of its pieces, the first of which is empty.

    Raises ExportdError unless all requested bytes arrive.
    """
    position = request.offset
    with closing(link.listen(link.downloads, request)) as messages:
        first = next(messages, None)
        if first is None:
            raise link.cut_off()
        file = _accepted(header_of(first), request)
        yield file, memoryview(b"")
        for message in messages:
            data = data_of(message)
            position += len(data)
            if position > _end(file, request):
                raise DownloadDamaged("the service sent more bytes than the file has; download it again")
            yield file, data
    if position < _end(file, request):
        raise link.cut_off()


def _accepted(header: DownloadHeader, request: DownloadFileRequest) -> File:
    if request.if_sha256 and header.file.sha256 != request.if_sha256:
        raise FileChanged("the service has another file now; download it from the start")
    if header.offset != request.offset:
        raise DownloadDamaged(
            f"requested the bytes from {request.offset} on, and received those from {header.offset} on"
        )
    return header.file


def _end(file: File, request: DownloadFileRequest) -> int:
    return min(file.size_bytes, request.offset + request.limit) if request.limit else file.size_bytes


def _request(source: Source, *, offset: int = 0, limit: int = 0, sha256: str = "") -> DownloadFileRequest:
    what = (
        {"file_id": source.id}
        if isinstance(source, File)
        else {"export_id": source.id if isinstance(source, Export) else source}
    )
    return DownloadFileRequest(**what, offset=offset, limit=limit, if_sha256=sha256)


def _fill(pieces: Generator[bytes] | Generator[memoryview], part: Part, file: File, progress: OnBytes) -> None:
    """Write all bytes that arrive, also those before the connection breaks or the caller cancels."""
    arrived = part.size
    progress(arrived, file.size_bytes)
    with closing(pieces) as arriving, Behind(part.append) as behind:
        for data in arriving:
            behind.take(data)
            arrived += len(data)
            progress(arrived, file.size_bytes)
