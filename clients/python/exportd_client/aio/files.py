"""Files of exports: what they are, and their bytes, on disk or as a table in memory."""

from collections.abc import AsyncGenerator
from os import PathLike
from typing import TYPE_CHECKING

from exportd.v1.export_pb2 import Export, File
from exportd.v1.export_service_pb2 import GetFileRequest
from exportd_client.aio import download as downloads
from exportd_client.aio import tables
from exportd_client.aio.connection import Link
from exportd_client.aio.threads import in_thread
from exportd_client.sources import Download, OnBytes, Source
from exportd_client.table_reader import MAX_TABLE_BYTES, pandas_of, polars_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


class Files:
    """The part of an ExportClient that reads files."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def get_file(self, file_id: str) -> File:
        """What a file is, before any byte of it is downloaded. FailedPrecondition: its time is over."""
        return await self._link.ask(self._link.stub.GetFile, GetFileRequest(file_id=file_id))

    async def file_of(self, source: Source) -> File:
        """The file that a download of `source` would send. FailedPrecondition: there is none, or not yet."""
        return await downloads.file_of(self._link, source)

    async def download(
        self,
        source: Source,
        path: str | PathLike[str],
        *,
        overwrite: bool = True,
        progress: OnBytes | None = None,
    ) -> Download:
        """Brings the file of an export (its id will do), or a file, to `path`, and replaces what is there.

        The attachments of packaging "separate" are a file: `download(export.attachments_file, path)`.

        In a directory the file gets the name that the service suggests. It appears only when it is whole, verified by
        size and sha256, and durable. What has arrived is kept in `<path>.<16 digits>.part`: after the line broke, or
        in a later call, the download goes on there.

        FailedPrecondition: no file, or not yet. FileChanged, DownloadDamaged: download again. OSError: from the disk;
        FileExistsError: something is there, and `overwrite` is False.
        """
        return await downloads.download(self._link, source, path, overwrite=overwrite, progress=progress)

    def stream(self, source: Source, *, offset: int = 0, limit: int = 0) -> AsyncGenerator[bytes]:
        """The bytes of a file from `offset` on, at most `limit` of them (0: all), in pieces of up to 1 MiB.

        Goes on by itself after the line broke; verifying the sha256 is up to the caller.
        InvalidArgument: the offset lies beyond the end.
        """
        sha256 = source.sha256 if isinstance(source, File) else ""
        return downloads.read(self._link, source, offset=offset, limit=limit, sha256=sha256)

    async def to_arrow(self, export: str | Export, *, max_bytes: int = MAX_TABLE_BYTES) -> "pa.Table":
        """The table of a COMPLETED export, in memory; nothing is written to disk. Needs the extra `arrow`.

        Columns bear the names of their fields and the types of the catalog: decimals are exact, timestamps are in UTC.
        A column of JSON values is text, and so is a duration of CSV and JSON (ISO 8601); bytes of these are base64.
        Of PARQUET, which is fastest, CSV, JSON and JSONL, also with gzip. The file is verified by size, sha256 and its
        number of rows before the table is handed out. It is held in memory beside the table while that is made:
        max_bytes is how large it may be, 1 GiB unless said.

        InvalidArgument: such a file is no table (XLSX, a ZIP, CSV with escape_formulas or local_times), or too large.
        FailedPrecondition: there is none, or not yet. DownloadDamaged: ask again.
        """
        return await tables.read(self._link, export, max_bytes)

    async def to_polars(self, export: str | Export, *, max_bytes: int = MAX_TABLE_BYTES) -> "pl.DataFrame":
        """As `to_arrow`, as a frame of polars, which shares the table's memory. Needs the extra `polars`."""
        return await in_thread(polars_of, await self.to_arrow(export, max_bytes=max_bytes))

    async def to_pandas(self, export: str | Export, *, max_bytes: int = MAX_TABLE_BYTES) -> "pd.DataFrame":
        """As `to_arrow`, as a frame of pandas whose columns stay Arrow's: no integer becomes a float for a null.

        Needs the extra `pandas`.
        """
        return await in_thread(pandas_of, await self.to_arrow(export, max_bytes=max_bytes))
