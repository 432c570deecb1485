"""Downloads that go on where they were cut off."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from exportd.v1.export_pb2 import Export, File
from exportd.v1.export_service_pb2 import DownloadFileRequest, DownloadHeader
from exportd_client.behind import Behind
from exportd_client.connection import Link, Outage
from exportd_client.download_message import data_of, header_of
from exportd_client.errors import DownloadDamaged, ExportdError, FailedPrecondition, FileChanged, InvalidArgument
from exportd_client.partial_file import Part, safe_name

# What to download: the id of an export, an export, or a file.
Source: TypeAlias = str | Export | File
# Called with the bytes that are there and the bytes of the whole file; it must not block.
OnBytes: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Download:
    """A file that arrived: whole, verified and durable.

    resumed_at: bytes that an earlier, interrupted download had left; 0 when it began at the start.
    """

    file: File
    path: Path
    resumed_at: int


async def download(
    link: Link, source: Source, path: str | PathLike[str], *, overwrite: bool, progress: OnBytes | None
) -> Download:
    """See ExportClient.download."""
    file = await file_of(link, source)
    target = await asyncio.to_thread(_destination, Path(path), file)
    part = await asyncio.to_thread(Part.open, target, file, overwrite=overwrite)
    try:
        resumed_at = part.size
        await _fill(link, source, part, file, progress or (lambda _done, _total: None))
        await asyncio.to_thread(part.finish)
    except (FileChanged, DownloadDamaged):
        await asyncio.to_thread(part.discard)
        raise
    finally:
        part.close()
    return Download(file, target, resumed_at)


async def file_of(link: Link, source: Source) -> File:
    """See ExportClient.file_of."""
    if not isinstance(source, File):
        return await _describe(link, source)
    if not source.id:  # what a message shows for a file that is not in it
        raise FailedPrecondition("the export has no such file, or not yet: ask export.HasField first")
    return source


async def _describe(link: Link, source: Source) -> File:
    outage = Outage(link)
    # One byte rather than none: a limit of 0 means all of them.
    request = _request(source, limit=1)
    while True:
        try:
            async with aclosing(_one_stream(link, request)) as pieces:
                files = [file async for file, _ in pieces]
                return files[0]
        except ExportdError as error:
            await outage.pause_after(error)


async def read(
    link: Link, source: Source, *, offset: int = 0, limit: int = 0, sha256: str = ""
) -> AsyncGenerator[bytes]:
    """See ExportClient.stream. sha256: of the only file that will do; empty: the first that is sent."""
    async with aclosing(_pieces(link, source, offset=offset, limit=limit, sha256=sha256)) as pieces:
        async for piece in pieces:
            yield bytes(piece)


async def _pieces(
    link: Link, source: Source, *, offset: int, limit: int = 0, sha256: str = ""
) -> AsyncGenerator[memoryview]:
    if offset < 0 or limit < 0:
        raise InvalidArgument("offset and limit can't be negative")
    outage = Outage(link)
    goal = offset + limit if limit else None
    while goal is None or offset < goal:
        request = _request(source, offset=offset, limit=goal - offset if goal is not None else 0, sha256=sha256)
        try:
            async with aclosing(_one_stream(link, request)) as pieces:
                async for file, data in pieces:
                    sha256, goal = file.sha256, _end(file, request)
                    if data:
                        outage.over()
                        offset += len(data)
                        yield data
        except ExportdError as error:
            await outage.pause_after(error)


async def _one_stream(link: Link, request: DownloadFileRequest) -> AsyncGenerator[tuple[File, memoryview]]:
    """The file with each of its pieces, the first one empty. Raises unless all that was asked for has come."""
    position = request.offset
    async with aclosing(link.listen(link.downloads, request)) as messages:
        first = await anext(messages, None)
        if first is None:
            raise link.cut_off()
        file = _accepted(header_of(first), request)
        yield file, memoryview(b"")
        async for message in messages:
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
        raise DownloadDamaged(f"asked for the bytes from {request.offset} on, got those from {header.offset} on")
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


async def _fill(link: Link, source: Source, part: Part, file: File, progress: OnBytes) -> None:
    """What has arrived gets written, also when the line breaks or the caller cancels."""
    arrived = part.size
    progress(arrived, file.size_bytes)
    async with (
        aclosing(_pieces(link, source, offset=arrived, sha256=file.sha256)) as pieces,
        Behind(part.append) as behind,
    ):
        async for data in pieces:
            await behind.take(data)
            arrived += len(data)
            progress(arrived, file.size_bytes)


def _destination(path: Path, file: File) -> Path:
    """A link is followed, so that the file lands where it points; in a directory the file has its own name."""
    resolved = path.resolve()
    return resolved / safe_name(file) if resolved.is_dir() else resolved
