"""The client of exportd: ExportClient for programs, exportctl for people.

    async with ExportClient("127.0.0.1:50051") as client:
        export = await client.create("/entities/42/invoices?issuedAt[after]=2026-01-01T00:00:00Z", format="xlsx")
        async for export in client.watch(export.id):
            print(state_name(export), export.progress.rows_written)
        if export.state == Export.STATE_COMPLETED:
            await client.download(export, "invoices.xlsx")

CsvOptions and XlsxOptions say how a table is written: `csv=CsvOptions(preset=CsvOptions.PRESET_EXCEL)`.

`client.operator` has what operators do: retry, redeliver, queue, workers, drain.

What comes back are the messages of the public API, fully typed: Export, File, Collection. Enums compare as
`export.state == Export.STATE_COMPLETED`; `name_of(Export.State, export.state)` is the name without its prefix, and
`state_name(export)` the most wanted one. All errors are ExportdError.
"""

from exportd.v1.export_pb2 import (
    Column,
    ColumnType,
    Compression,
    CsvOptions,
    Delivery,
    Export,
    File,
    Format,
    Packaging,
    Progress,
    Result,
    Transition,
    XlsxOptions,
)
from exportd.v1.export_service_pb2 import Collection
from exportd.v1.operator_service_pb2 import Queue, TenantQueue, Worker
from exportd_client.client import ExportClient
from exportd_client.connection import Patience
from exportd_client.conversions import ColumnChoice, CompressionName, FormatName, PackagingName
from exportd_client.download import Download, OnBytes, Source
from exportd_client.enums import StateName, name_of, state_name
from exportd_client.errors import (
    AccessRefused,
    AlreadyExists,
    DownloadDamaged,
    Exhausted,
    ExportdError,
    FailedPrecondition,
    FileChanged,
    FileDamaged,
    InternalError,
    InvalidArgument,
    NotFound,
    Unavailable,
    Unreachable,
    Violation,
)
from exportd_client.operator import Operator

__all__ = [
    "AccessRefused",
    "AlreadyExists",
    "Collection",
    "Column",
    "ColumnChoice",
    "ColumnType",
    "Compression",
    "CompressionName",
    "CsvOptions",
    "Delivery",
    "Download",
    "DownloadDamaged",
    "Exhausted",
    "Export",
    "ExportClient",
    "ExportdError",
    "FailedPrecondition",
    "File",
    "FileChanged",
    "FileDamaged",
    "Format",
    "FormatName",
    "InternalError",
    "InvalidArgument",
    "NotFound",
    "OnBytes",
    "Operator",
    "Packaging",
    "PackagingName",
    "Patience",
    "Progress",
    "Queue",
    "Result",
    "Source",
    "StateName",
    "TenantQueue",
    "Transition",
    "Unavailable",
    "Unreachable",
    "Violation",
    "Worker",
    "XlsxOptions",
    "name_of",
    "state_name",
]
