# Made of exportd_client/aio/files.py by `make proto`: change that one.
"""Files of exports: their properties and their bytes, on disk or as a table in memory."""

from collections.abc import Generator
from os import PathLike
from typing import TYPE_CHECKING

from exportd.v1.export_pb2 import Export, File
from exportd.v1.export_service_pb2 import GetDownloadUrlResponse, GetFileRequest
from exportd_client.sources import Download, OnBytes, Source
from exportd_client.sync import direct as direct_downloads
from exportd_client.sync import download as downloads
from exportd_client.sync import tables
from exportd_client.sync.connection import Link
from exportd_client.sync.threads import in_thread
from exportd_client.table_reader import MAX_TABLE_BYTES, pandas_of, polars_of

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


class Files:
    """The methods of an SyncExportClient that read files."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def get_file(self, file_id: str) -> File:
        """Return the properties of a file, without downloading it.

        Raises FailedPrecondition if the file has expired.
        """
        return self._link.ask(self._link.stub.GetFile, GetFileRequest(file_id=file_id))

    def file_of(self, source: Source) -> File:
        """Return the file that `download` would fetch. Raises FailedPrecondition if there is none, or not yet."""
        return downloads.file_of(self._link, source)

    def download_url(self, source: Source) -> GetDownloadUrlResponse:
        """Return a URL with which anybody can GET the file of an export, or a file, for some minutes. It is a secret.

        Raises FailedPrecondition if there is no file, or not yet, and with the reason DOWNLOAD_URL_UNSUPPORTED if the
        service's artifact store signs no URLs.
        """
        return direct_downloads.url_of(self._link, source)

    def download(
        self,
        source: Source,
        path: str | PathLike[str],
        *,
        overwrite: bool = True,
        direct: bool = False,
        progress: OnBytes | None = None,
    ) -> Download:
        """Download the file of an export (or of its id), or a file, to `path`, and replace an existing file.

        The attachments of packaging "separate" are a file of their own: `download(export.attachments_file, path)`.

        If `path` is a directory, the file gets the name that the service suggests. It appears only when it is complete,
        verified by size and sha256, and durable. Received bytes are kept in `<path>.<16 digits>.part`; if the
        connection breaks, or in a later call, the download is resumed there.

        direct: take the bytes from the object store itself, if the service has one that signs URLs and the store can
        be reached; the service sends the rest. Proxies are not used.

        Raises FailedPrecondition if there is no file, or not yet; FileChanged and DownloadDamaged, after which the file
        can be downloaded again; OSError for errors of the disk; FileExistsError if `path` exists and `overwrite` is
        False.
        """
        return downloads.download(self._link, source, path, overwrite=overwrite, direct=direct, progress=progress)

    def stream(self, source: Source, *, offset: int = 0, limit: int = 0) -> Generator[bytes]:
        """Yield the bytes of a file from `offset` on, at most `limit` bytes (0: all), in pieces of up to 1 MiB.

        The stream is resumed if the connection breaks. The caller has to verify the sha256. Raises InvalidArgument if
        the offset is beyond the end.
        """
        sha256 = source.sha256 if isinstance(source, File) else ""
        return downloads.read(self._link, source, offset=offset, limit=limit, sha256=sha256)

    def to_arrow(self, export: str | Export, *, max_bytes: int = MAX_TABLE_BYTES) -> "pa.Table":
        """Return the table of a COMPLETED export in memory, without writing to the disk. Needs the extra `arrow`.

        Columns have the names of their fields and the types of the catalog: decimals are exact, timestamps are in UTC.
        JSON values are text. In CSV and JSON, durations are text (ISO 8601) and bytes are base64.

        The formats PARQUET, which is the fastest, CSV, JSON and JSONL can be read, the last three also with gzip. The
        file is verified by size, sha256 and number of rows before the table is returned. It is held in memory together
        with the table while this is built.

        max_bytes: the largest file to read; 1 GiB by default.

        Raises InvalidArgument if the file cannot be read as a table (XLSX, a ZIP, CSV with escape_formulas or
        local_times) or is too large; FailedPrecondition if there is no file, or not yet; DownloadDamaged, after which
        the call can be repeated.
        """
        return tables.read(self._link, export, max_bytes)

    def to_polars(self, export: str | Export, *, max_bytes: int = MAX_TABLE_BYTES) -> "pl.DataFrame":
        """Return the table as a frame of polars, which shares its memory; see `to_arrow`. Needs the extra `polars`."""
        return in_thread(polars_of, self.to_arrow(export, max_bytes=max_bytes))

    def to_pandas(self, export: str | Export, *, max_bytes: int = MAX_TABLE_BYTES) -> "pd.DataFrame":
        """Return the table as a frame of pandas; see `to_arrow`. Needs the extra `pandas`.

        The columns remain Arrow arrays, so that no integer becomes a float because of a null.
        """
        return in_thread(pandas_of, self.to_arrow(export, max_bytes=max_bytes))
