# Made of exportd_client/aio/tables.py by `make proto`: change that one.
"""Reads a completed export into a table in memory, without a file on disk."""

from contextlib import closing
from typing import TYPE_CHECKING

from exportd.v1.export_pb2 import Export, File
from exportd.v1.export_service_pb2 import Collection, GetCollectionRequest, GetExportRequest
from exportd_client import table_reader
from exportd_client.file_buffer import FileBuffer
from exportd_client.sync import download
from exportd_client.sync.connection import Link
from exportd_client.sync.threads import in_thread

if TYPE_CHECKING:
    import pyarrow as pa


def read(link: Link, source: str | Export, max_bytes: int) -> "pa.Table":
    """Return the table of an export; see SyncExportClient.to_arrow."""
    table_reader.require_arrow()
    export_id = source if isinstance(source, str) else source.id
    file = download.file_of(link, export_id)
    export = link.ask(link.stub.GetExport, GetExportRequest(export_id=export_id))
    table_reader.refuse_unless_table(export, file, max_bytes)
    columns = _collection(link, export)
    content = _content(link, file)
    return in_thread(table_reader.table_of, content, export, file, columns)


def _collection(link: Link, export: Export) -> Collection:
    request = GetCollectionRequest(type=export.type)
    return link.ask(link.stub.GetCollection, request)


def _content(link: Link, file: File) -> bytearray:
    buffer = FileBuffer(file)
    with closing(download.pieces(link, file, sha256=file.sha256)) as pieces:
        for piece in pieces:
            in_thread(buffer.append, piece)
    return buffer.whole()
