"""An ExportService in memory that can be told to fail: it refuses, is away for a while, cuts streams, damages bytes."""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from exportd.v1 import export_pb2 as pb
from exportd.v1 import export_service_pb2 as service
from exportd.v1.export_service_pb2_grpc import ExportServiceServicer, add_ExportServiceServicer_to_server
from exportd_client import Patience
from tests.patience import PATIENCE_S

CHUNK_BYTES = 1000
"""Of a download, unless a test with many bytes asks for larger ones: each is a message."""

IMPATIENT = Patience(first_contact=0.3, outage=10, shortest=0.001, longest=0.02)


@dataclass
class Refusal:
    code: str
    reason: str
    message: str = "refused"
    metadata: dict[str, str] = field(default_factory=dict)
    violations: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None

    async def abort(self, context: grpc.aio.ServicerContext) -> NoReturn:
        details = [
            error_details_pb2.ErrorInfo(domain="exportd", reason=self.reason, metadata=self.metadata),
            error_details_pb2.BadRequest(
                field_violations=[{"field": name, "description": text} for name, text in self.violations.items()]
            ),
        ]
        if self.retry_after is not None:
            details.append(error_details_pb2.RetryInfo(retry_delay=Duration(nanos=int(self.retry_after * 1e9))))
        status = status_pb2.Status(code=code_pb2.Code.Value(self.code), message=self.message)
        for detail in details:
            packed = Packed()
            packed.Pack(detail)
            status.details.append(packed)
        pushback = () if self.retry_after is None else (("grpc-retry-pushback-ms", str(int(self.retry_after * 1000))),)
        context.set_trailing_metadata(pushback)
        await context.abort_with_status(rpc_status.to_status(status))
        raise AssertionError


SHUTTING_DOWN = Refusal("UNAVAILABLE", "SHUTTING_DOWN")


class FakeExportService(ExportServiceServicer):
    def __init__(self) -> None:
        self.exports: dict[str, pb.Export] = {}
        self.contents: dict[str, bytes] = {}
        self.requests: list[Any] = []
        self.tenants: set[str] = set()
        # Of every call: its name, what came with it, and how many seconds it may take.
        self.calls: list[tuple[str, dict[str, str], float | None]] = []
        # By the name of the RPC: what to answer to the next calls, before any is served again.
        self.refusals: dict[str, list[Refusal]] = {}
        # Each stream from now on ends, without a word, when it has come to the next of these.
        self.cut_downloads_at: list[int] = []
        self.cut_watches_after: list[int] = []
        self.chunk_bytes = CHUNK_BYTES
        # The next download stands still for ever when it has come here.
        self.stall_downloads_at: list[int] = []
        # A create that is done and whose answer is lost.
        self.lost_answers = 0
        self.watchers = 0
        # Of its object store, which signs them; none: it has no such store.
        self.urls: list[str] = []
        # Of histories and deliveries, with one entry each.
        self.pages = 1
        # Of notifications and the exports that they belong to.
        self.deliveries: dict[str, str] = {}
        # Of its collection; none: a total.
        self.columns: list[service.CollectionColumn] = []
        self.previewed = service.PreviewExportResponse()
        self._by_request_id: dict[str, str] = {}
        self._ids = itertools.count(1)
        self._changed = asyncio.Condition()

    # What a test arranges.

    def with_file(self, content: bytes, *, announced: bytes | None = None, filename: str = "invoices.csv") -> pb.Export:
        """A completed export whose file is `announced` as other bytes than those that are sent."""
        export = self._new()
        export.state, export.done = pb.Export.STATE_COMPLETED, True
        self.put_file(export.id, content, announced=announced, filename=filename)
        return export

    def put_file(
        self, export_id: str, content: bytes, *, announced: bytes | None = None, filename: str = "invoices.csv"
    ) -> None:
        export = self.exports[export_id]
        export.file.CopyFrom(self._keep(export_id, content, announced or content, filename))
        export.file.row_count, export.file.encrypted = 3, export.encrypted

    def put_attachments(self, export_id: str, content: bytes, *, filename: str = "invoices-attachments.zip") -> pb.File:
        export = self.exports[export_id]
        export.attachments_file.CopyFrom(self._keep(export_id, content, content, filename))
        export.attachments_file.entry_count = 7
        return export.attachments_file

    def _keep(self, export_id: str, content: bytes, announced: bytes, filename: str) -> pb.File:
        file = pb.File(id=f"file-{next(self._ids)}", export_id=export_id, filename=filename)
        file.extension = "".join(PurePath(filename).suffixes)[1:]
        file.size_bytes, file.sha256 = len(announced), hashlib.sha256(announced).hexdigest()
        self.contents[file.id] = content
        return file

    async def change(self, export_id: str, **values: Any) -> None:
        """Sets fields of an export and tells those who watch it."""
        export = self.exports[export_id]
        for name, value in values.items():
            setattr(export, name, value)
        export.version += 1
        export.done = export.state in (pb.Export.STATE_COMPLETED, pb.Export.STATE_CANCELLED)
        async with self._changed:
            self._changed.notify_all()

    def asked(self, kind: type[Any]) -> list[Any]:
        return [request for request in self.requests if isinstance(request, kind)]

    # The service.

    async def CreateExport(self, request, context):  # noqa: N802
        await self._begin("CreateExport", request, context)
        id_ = self._by_request_id.get(request.request_id)
        export = self.exports[id_] if id_ else self._new(request)
        self._by_request_id[request.request_id] = export.id
        if self.lost_answers:
            self.lost_answers -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return export

    async def GetExport(self, request, context):  # noqa: N802
        await self._begin("GetExport", request, context)
        return await self._known(request.export_id, context)

    async def ListExports(self, request, context):  # noqa: N802
        await self._begin("ListExports", request, context)
        newest_first = [
            one for one in reversed(self.exports.values()) if not request.states or one.state in request.states
        ]
        start = int(request.page_token or 0)
        end = start + (request.page_size or 50)
        token = str(end) if end < len(newest_first) else ""
        return service.ListExportsResponse(exports=newest_first[start:end], next_page_token=token)

    async def WatchExport(self, request, context) -> AsyncIterator[pb.Export]:  # noqa: N802
        await self._begin("WatchExport", request, context)
        export = await self._known(request.export_id, context)
        cut_after = self.cut_watches_after.pop(0) if self.cut_watches_after else None
        self.watchers += 1
        try:
            async for change in self._changes(export, cut_after, context):
                yield change
        finally:
            self.watchers -= 1

    async def _changes(self, export: pb.Export, cut_after: int | None, context: Any) -> AsyncIterator[pb.Export]:
        for sent in itertools.count(1):
            version = export.version
            yield export
            if export.done:
                return
            if sent == cut_after:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            async with self._changed:
                await self._changed.wait_for(lambda seen=version: export.version != seen)

    async def CancelExport(self, request, context):  # noqa: N802
        await self._begin("CancelExport", request, context)
        export = await self._known(request.export_id, context)
        await self.change(export.id, state=pb.Export.STATE_CANCELLED, cancel_reason=pb.Export.CANCEL_REASON_REQUESTED)
        return export

    async def DeleteExport(self, request, context):  # noqa: N802
        await self._begin("DeleteExport", request, context)
        await self._known(request.export_id, context)
        del self.exports[request.export_id]
        return Empty()

    async def GetUsage(self, request, context):  # noqa: N802
        await self._begin("GetUsage", request, context)
        return service.Usage()

    async def FindIds(self, request, context):  # noqa: N802
        await self._begin("FindIds", request, context)
        kind = service.IdMatch
        ids = [(kind.KIND_EXPORT, each.id, each.id) for each in self.exports.values()]
        files = [file for each in self.exports.values() for file in (each.file, each.attachments_file)]
        ids += [(kind.KIND_FILE, file.id, file.export_id) for file in files if file.id]
        ids += [(kind.KIND_DELIVERY, id_, export_id) for id_, export_id in self.deliveries.items()]
        found = [kind(kind=k, id=id_, export_id=of) for k, id_, of in sorted(ids) if id_.startswith(request.prefix)]
        return service.FindIdsResponse(matches=found)

    async def PreviewExport(self, request, context):  # noqa: N802
        await self._begin("PreviewExport", request, context)
        return self.previewed

    async def GetFile(self, request, context):  # noqa: N802
        await self._begin("GetFile", request, context)
        return await self._file(request.file_id, context)

    async def GetDownloadUrl(self, request, context):  # noqa: N802
        await self._begin("GetDownloadUrl", request, context)
        file = await self._source(request, context)
        if not self.urls:
            await Refusal("FAILED_PRECONDITION", "DOWNLOAD_URL_UNSUPPORTED").abort(context)
        return service.GetDownloadUrlResponse(url=self.urls[0], size_bytes=file.size_bytes, sha256=file.sha256)

    async def DownloadFile(self, request, context) -> AsyncIterator[service.DownloadFileResponse]:  # noqa: N802
        await self._begin("DownloadFile", request, context)
        file = await self._source(request, context)
        if request.if_sha256 not in ("", file.sha256):
            await Refusal("ABORTED", "FILE_CHANGED").abort(context)
        if request.offset > file.size_bytes:
            await Refusal("OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE").abort(context)
        yield service.DownloadFileResponse(header={"file": file, "offset": request.offset})
        content = self.contents[file.id]
        end = min(len(content), request.offset + request.limit) if request.limit else len(content)
        if self.stall_downloads_at and not request.limit:
            yield service.DownloadFileResponse(data=content[: self.stall_downloads_at.pop()])
            await asyncio.Event().wait()
        cuts = [cut for cut in self.cut_downloads_at if request.offset < cut <= end]
        end = cuts[0] if cuts else end
        for start in range(request.offset, end, self.chunk_bytes):
            yield service.DownloadFileResponse(data=content[start : min(start + self.chunk_bytes, end)])
        if cuts:
            self.cut_downloads_at.remove(cuts[0])
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    async def ListCollections(self, request, context):  # noqa: N802
        await self._begin("ListCollections", request, context)
        return service.ListCollectionsResponse(
            collections=[_invoices(with_columns=request.view == service.COLLECTION_VIEW_FULL)]
        )

    async def GetCollection(self, request, context):  # noqa: N802
        await self._begin("GetCollection", request, context)
        collection = _invoices(with_columns=not self.columns)
        collection.columns.extend(self.columns)
        return collection

    async def ListTransitions(self, request, context):  # noqa: N802
        await self._begin("ListTransitions", request, context)
        place = int(request.page_token or 1)
        token = str(place + 1) if place < self.pages else ""
        return service.ListTransitionsResponse(transitions=[pb.Transition(version=place)], next_page_token=token)

    async def ListDeliveries(self, request, context):  # noqa: N802
        await self._begin("ListDeliveries", request, context)
        place = int(request.page_token or 1)
        token = str(place + 1) if place < self.pages else ""
        return service.ListDeliveriesResponse(deliveries=[pb.Delivery(run=place)], next_page_token=token)

    async def _begin(self, name: str, request: Any, context: grpc.aio.ServicerContext) -> None:
        self.requests.append(request)
        metadata = dict(context.invocation_metadata())
        self.tenants.add(metadata.get("x-exportd-tenant", ""))
        self.calls.append((name, metadata, context.time_remaining()))
        waiting = self.refusals.get(name)
        if waiting:
            await waiting.pop(0).abort(context)

    def _new(self, request: service.CreateExportRequest | None = None) -> pb.Export:
        export = pb.Export(id=f"export-{next(self._ids)}", type="Invoices", format=pb.FORMAT_CSV, version=1)
        export.state, export.max_attempts = pb.Export.STATE_QUEUED, 3
        if request is not None:
            export.uri, export.format = request.uri, request.format or pb.FORMAT_JSON
            export.labels.update(request.labels)
            export.encrypted = bool(request.password)
        self.exports[export.id] = export
        return export

    async def _known(self, export_id: str, context: grpc.aio.ServicerContext) -> pb.Export:
        if export_id not in self.exports:
            await Refusal(
                "NOT_FOUND",
                "EXPORT_NOT_FOUND",
                "no such export; exportctl list shows those there are",
                {"export_id": export_id},
            ).abort(context)
        return self.exports[export_id]

    async def _file(self, file_id: str, context: grpc.aio.ServicerContext) -> pb.File:
        for export in self.exports.values():
            for file in (export.file, export.attachments_file):
                if file.id == file_id:
                    return file
        await Refusal("NOT_FOUND", "FILE_NOT_FOUND").abort(context)
        raise AssertionError

    async def _source(
        self,
        request: service.DownloadFileRequest | service.GetDownloadUrlRequest,
        context: grpc.aio.ServicerContext,
    ) -> pb.File:
        if request.HasField("file_id"):
            return await self._file(request.file_id, context)
        export = await self._known(request.export_id, context)
        if not export.HasField("file"):
            await Refusal("FAILED_PRECONDITION", "EXPORT_NOT_READY", metadata={"state": "QUEUED"}).abort(context)
        return export.file


def _invoices(*, with_columns: bool) -> service.Collection:
    invoices = service.Collection(type="Invoices", path="/entities/{entityId}/invoices", formats=[pb.FORMAT_CSV])
    invoices.file_types.append("invoice.pdf")
    if with_columns:
        total = {"kind": pb.ColumnType.KIND_DECIMAL, "precision": 18, "scale": 2}
        invoices.columns.add(field="total", header="total", type=total, filterable=True, sortable=True)
    return invoices


class Serving:
    """A FakeExportService on a loopback port that can go away and come back. With credentials it speaks TLS."""

    def __init__(self, fake: FakeExportService, credentials: grpc.ServerCredentials | None = None) -> None:
        self.fake = fake
        self.port = 0
        self._credentials = credentials

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = grpc.aio.server()
        add_ExportServiceServicer_to_server(self.fake, self._server)
        address = f"127.0.0.1:{self.port}"
        self.port = (
            self._server.add_secure_port(address, self._credentials)
            if self._credentials
            else self._server.add_insecure_port(address)
        )
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)


async def eventually(condition, seconds: float = PATIENCE_S) -> None:
    """Returns once condition() holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)  # between two looks
