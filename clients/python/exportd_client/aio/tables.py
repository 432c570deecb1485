"""Reads a completed export into a table in memory, without a file on disk."""

from contextlib import aclosing
from typing import TYPE_CHECKING

from exportd.v1.export_pb2 import Export, File
from exportd.v1.export_service_pb2 import Collection, GetCollectionRequest, GetExportRequest
from exportd_client import table_reader
from exportd_client.aio import download
from exportd_client.aio.connection import Link
from exportd_client.aio.threads import in_thread
from exportd_client.file_buffer import FileBuffer

if TYPE_CHECKING:
    import pyarrow as pa


async def read(link: Link, source: str | Export, max_bytes: int) -> "pa.Table":
    """Return the table of an export; see ExportClient.to_arrow."""
    table_reader.require_arrow()
    export_id = source if isinstance(source, str) else source.id
    file = await download.file_of(link, export_id)
    export = await link.ask(link.stub.GetExport, GetExportRequest(export_id=export_id))
    table_reader.refuse_unless_table(export, file, max_bytes)
    columns = await _collection(link, export)
    content = await _content(link, file)
    return await in_thread(table_reader.table_of, content, export, file, columns)


async def _collection(link: Link, export: Export) -> Collection:
    request = GetCollectionRequest(type=export.type)
    return await link.ask(link.stub.GetCollection, request)


async def _content(link: Link, file: File) -> bytearray:
    buffer = FileBuffer(file)
    async with aclosing(download.pieces(link, file, sha256=file.sha256)) as pieces:
        async for piece in pieces:
            await in_thread(buffer.append, piece)
    return buffer.whole()
