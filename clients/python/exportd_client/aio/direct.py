"""Downloads straight from the object store that holds a file, where it signs URLs and can be reached from here."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from exportd.v1.export_pb2 import Export, File
from exportd.v1.export_service_pb2 import GetDownloadUrlRequest, GetDownloadUrlResponse
from exportd_client import freed_memory
from exportd_client.aio.connection import Link
from exportd_client.aio.threads import in_thread, sleep
from exportd_client.errors import DownloadDamaged, ExportdError
from exportd_client.sources import Source
from exportd_client.store_reader import StoreBroke, StoreOutOfReach, StoreReader, is_private

MAX_TRIES = 4
"""In a row, without a byte."""

_PAUSE_S = 0.2


async def url_of(link: Link, source: Source) -> GetDownloadUrlResponse:
    """See ExportClient.download_url."""
    return await link.ask(link.stub.GetDownloadUrl, _request(source))


async def from_store(link: Link, file: File, offset: int) -> AsyncGenerator[bytes]:
    """The bytes of a file from `offset` on. It ends early where the store does not give them: ask the service then."""
    freed_memory.keep()
    tries = 0
    while offset < file.size_bytes and tries < MAX_TRIES:
        url = await _usable_url(link, file)
        if not url:
            return
        try:
            async with aclosing(_one_answer(url, offset)) as arriving:
                async for data in arriving:
                    tries, offset = 0, offset + len(data)
                    if offset > file.size_bytes:
                        raise DownloadDamaged("the store sent more bytes than the file has; download it again")
                    yield data
        except StoreOutOfReach:
            return
        except StoreBroke:
            tries += 1
            await sleep(_PAUSE_S * tries)
        else:
            tries += 1  # an answer that ended: that was all, or it was cut off


async def _one_answer(url: str, offset: int) -> AsyncGenerator[bytes]:
    reader = await in_thread(StoreReader.open, url, offset)
    try:
        while data := await in_thread(reader.read):
            yield data
    finally:
        reader.close()


async def _usable_url(link: Link, file: File) -> str:
    """Empty: the store signs none, the service is older than that, or the bytes would go in the clear."""
    try:
        url = (await url_of(link, file)).url
    except ExportdError as refused:
        if refused.reason == "DOWNLOAD_URL_UNSUPPORTED" or refused.code == "UNIMPLEMENTED":
            return ""
        raise
    return url if is_private(url) or not link.encrypted else ""


def _request(source: Source) -> GetDownloadUrlRequest:
    if isinstance(source, File):
        return GetDownloadUrlRequest(file_id=source.id)
    return GetDownloadUrlRequest(export_id=source.id if isinstance(source, Export) else source)
