"""The client of exportd: ExportClient for programs, exportctl for people.

    async with ExportClient("127.0.0.1:50051") as client:
        export = await client.create("/entities/42/invoices?issuedAt[after]=2026-01-01T00:00:00Z", format="xlsx")
        async for export in client.watch(export.id):
            print(state_name(export), export.progress.rows_written)
        if export.state == Export.STATE_COMPLETED:
            await client.download(export, "invoices.xlsx")

CsvOptions and XlsxOptions control how a table is written: `csv=CsvOptions(preset=CsvOptions.PRESET_EXCEL)`.

`SyncExportClient` has the same methods for threads: Django, Flask, Celery, scripts.

    with SyncExportClient("127.0.0.1:50051") as client:
        export = client.wait(client.create("/flights", format="parquet").id, timeout=600)
        frame = client.to_polars(export)

`client.operator` has the methods for operators: retry, redeliver, queue, running, workers, drain, audit. `client.keys`
has those for API keys: create, list, rotate, revoke. `client.links` has those for download links: create, list, revoke.

The methods return the messages of the public API, fully typed: Export, File, Collection. Enums are compared as
`export.state == Export.STATE_COMPLETED`. `name_of(Export.State, export.state)` returns the name of a value without its
prefix, and `state_name(export)` is short for this call. All errors are subclasses of ExportdError.

Names are loaded when they are first used: `import exportd_client` alone imports neither gRPC nor protobuf.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from exportd.v1.export_service_pb2 import Collection, IdMatch, QuotaUsage, Usage
    from exportd.v1.key_service_pb2 import CreateKeyResponse, Key, KeyHolder, Scope
    from exportd.v1.link_service_pb2 import CreateDownloadLinkResponse, DownloadLink
    from exportd.v1.operator_service_pb2 import AuditEntry, Queue, RunningExport, TenantQueue, Worker
    from exportd_client.aio.client import ExportClient
    from exportd_client.aio.download_links import DownloadLinks
    from exportd_client.aio.keys import Keys
    from exportd_client.aio.operator import Operator
    from exportd_client.channel import ApiKey, Pem, Target, Tls
    from exportd_client.conversions import ColumnChoice, CompressionName, FormatName, PackagingName
    from exportd_client.enums import StateName, name_of, state_name
    from exportd_client.errors import (
        AccessRefused,
        AlreadyExists,
        DeadlineExceeded,
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
    from exportd_client.key_command import key_of_command
    from exportd_client.patience import Patience
    from exportd_client.sources import Download, OnBytes, Source
    from exportd_client.sync.client import SyncExportClient
    from exportd_client.sync.download_links import SyncDownloadLinks
    from exportd_client.sync.keys import SyncKeys
    from exportd_client.sync.operator import SyncOperator

_NAMES = {
    "exportd.v1.export_pb2": (
        "Column",
        "ColumnType",
        "Compression",
        "CsvOptions",
        "Delivery",
        "Export",
        "File",
        "Format",
        "Packaging",
        "Progress",
        "Result",
        "Transition",
        "XlsxOptions",
    ),
    "exportd.v1.export_service_pb2": ("Collection", "IdMatch", "QuotaUsage", "Usage"),
    "exportd.v1.key_service_pb2": ("CreateKeyResponse", "Key", "KeyHolder", "Scope"),
    "exportd.v1.link_service_pb2": ("CreateDownloadLinkResponse", "DownloadLink"),
    "exportd.v1.operator_service_pb2": (
        "AuditEntry",
        "Queue",
        "RunningExport",
        "TenantQueue",
        "Worker",
    ),
    "exportd_client.aio.client": ("ExportClient",),
    "exportd_client.aio.download_links": ("DownloadLinks",),
    "exportd_client.aio.keys": ("Keys",),
    "exportd_client.aio.operator": ("Operator",),
    "exportd_client.channel": ("ApiKey", "Pem", "Target", "Tls"),
    "exportd_client.conversions": (
        "ColumnChoice",
        "CompressionName",
        "FormatName",
        "PackagingName",
    ),
    "exportd_client.enums": (
        "StateName",
        "name_of",
        "state_name",
    ),
    "exportd_client.errors": (
        "AccessRefused",
        "AlreadyExists",
        "DeadlineExceeded",
        "DownloadDamaged",
        "Exhausted",
        "ExportdError",
        "FailedPrecondition",
        "FileChanged",
        "FileDamaged",
        "InternalError",
        "InvalidArgument",
        "NotFound",
        "Unavailable",
        "Unreachable",
        "Violation",
    ),
    "exportd_client.key_command": ("key_of_command",),
    "exportd_client.patience": ("Patience",),
    "exportd_client.sources": ("Download", "OnBytes", "Source"),
    "exportd_client.sync.client": ("SyncExportClient",),
    "exportd_client.sync.download_links": ("SyncDownloadLinks",),
    "exportd_client.sync.keys": ("SyncKeys",),
    "exportd_client.sync.operator": ("SyncOperator",),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "AccessRefused",
    "AlreadyExists",
    "ApiKey",
    "AuditEntry",
    "Collection",
    "Column",
    "ColumnChoice",
    "ColumnType",
    "Compression",
    "CompressionName",
    "CreateDownloadLinkResponse",
    "CreateKeyResponse",
    "CsvOptions",
    "DeadlineExceeded",
    "Delivery",
    "Download",
    "DownloadDamaged",
    "DownloadLink",
    "DownloadLinks",
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
    "IdMatch",
    "InternalError",
    "InvalidArgument",
    "Key",
    "KeyHolder",
    "Keys",
    "NotFound",
    "OnBytes",
    "Operator",
    "Packaging",
    "PackagingName",
    "Patience",
    "Pem",
    "Progress",
    "Queue",
    "QuotaUsage",
    "Result",
    "RunningExport",
    "Scope",
    "Source",
    "StateName",
    "SyncDownloadLinks",
    "SyncExportClient",
    "SyncKeys",
    "SyncOperator",
    "Target",
    "TenantQueue",
    "Tls",
    "Transition",
    "Unavailable",
    "Unreachable",
    "Usage",
    "Violation",
    "Worker",
    "XlsxOptions",
    "key_of_command",
    "name_of",
    "state_name",
]

if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
