"""ExportService over gRPC: decode, call, encode."""

from google.protobuf.empty_pb2 import Empty

from exportd.v1 import export_pb2, export_service_pb2, export_service_pb2_grpc
from services.api.metrics import ApiMetrics
from services.api.rpc import decode, encode, encode_history
from services.api.rpc.call import export_id_of, tenant_of
from services.api.rpc.download_stream import ChunkBudget, send
from services.api.rpc.interceptor import Context
from services.api.rpc.limits import Limit
from services.api.usecases.downloads import Downloads
from services.api.usecases.exports import Exports
from services.api.world import World
from services.runtime import logs

MAX_WATCHES = 4000
MAX_DOWNLOADS = 512
MAX_PREVIEWS = 64


class ExportServicer(export_service_pb2_grpc.ExportServiceServicer):
    """What callers reach."""

    def __init__(self, exports: Exports, downloads: Downloads, metrics: ApiMetrics, world: World) -> None:
        self._exports = exports
        self._downloads = downloads
        self._metrics = metrics
        self._world = world
        # A tenant has half of them at most: one that opens all it can leaves room for the others.
        self._watches = Limit("watch", MAX_WATCHES, MAX_WATCHES // 2)
        self._sends = Limit("download", MAX_DOWNLOADS, MAX_DOWNLOADS // 2)
        self._previews = Limit("preview", MAX_PREVIEWS, MAX_PREVIEWS // 2)
        self._budget = ChunkBudget()

    async def CreateExport(
        self, request: export_service_pb2.CreateExportRequest, context: Context
    ) -> export_pb2.Export:
        create = decode.create_request(request)
        if create.validate_only:
            return encode.validated(await self._exports.validate(tenant_of(context), create))
        view = await self._exports.create(tenant_of(context), create)
        logs.bind(export_id=view.export.id, collection=view.export.type)
        return encode.export(view)

    async def PreviewExport(
        self, request: export_service_pb2.PreviewExportRequest, context: Context
    ) -> export_service_pb2.PreviewExportResponse:
        tenant = tenant_of(context)
        with self._previews.held(tenant):
            return encode.preview(await self._exports.preview(tenant, *decode.preview_request(request)))

    async def GetExport(self, request: export_service_pb2.GetExportRequest, context: Context) -> export_pb2.Export:
        return encode.export(await self._exports.get(tenant_of(context), export_id_of(request.export_id)))

    async def ListExports(
        self, request: export_service_pb2.ListExportsRequest, context: Context
    ) -> export_service_pb2.ListExportsResponse:
        views, token = await self._exports.list(
            tenant_of(context), decode.export_filter(request), decode.page_size(request), request.page_token
        )
        listed = [encode.export(view, with_entries=False) for view in views]
        return export_service_pb2.ListExportsResponse(exports=listed, next_page_token=token)

    async def WatchExport(  # type: ignore[override]  # writes: a generator would be closed late
        self, request: export_service_pb2.WatchExportRequest, context: Context
    ) -> None:
        tenant = tenant_of(context)
        with self._watches.held(tenant), self._metrics.watches.track_inprogress():
            async for view in self._exports.watch(tenant, export_id_of(request.export_id)):
                await context.write(encode.export(view))

    async def CancelExport(
        self, request: export_service_pb2.CancelExportRequest, context: Context
    ) -> export_pb2.Export:
        view = await self._exports.cancel(
            tenant_of(context), export_id_of(request.export_id), only_if_queued=request.only_if_queued
        )
        return encode.export(view)

    async def DeleteExport(self, request: export_service_pb2.DeleteExportRequest, context: Context) -> Empty:
        await self._exports.delete(tenant_of(context), export_id_of(request.export_id))
        return Empty()

    async def ListTransitions(
        self, request: export_service_pb2.ListTransitionsRequest, context: Context
    ) -> export_service_pb2.ListTransitionsResponse:
        transitions = await self._exports.transitions(tenant_of(context), export_id_of(request.export_id))
        return export_service_pb2.ListTransitionsResponse(
            transitions=[encode_history.transition(each) for each in transitions]
        )

    async def ListDeliveries(
        self, request: export_service_pb2.ListDeliveriesRequest, context: Context
    ) -> export_service_pb2.ListDeliveriesResponse:
        deliveries = await self._exports.deliveries(tenant_of(context), export_id_of(request.export_id))
        return export_service_pb2.ListDeliveriesResponse(
            deliveries=[encode_history.delivery(each) for each in deliveries]
        )

    async def GetFile(self, request: export_service_pb2.GetFileRequest, context: Context) -> export_pb2.File:
        return encode.file_of(
            *await self._downloads.file(tenant_of(context), decode.identifier("file_id", request.file_id))
        )

    async def DownloadFile(  # type: ignore[override]  # writes: a generator would be closed late
        self, request: export_service_pb2.DownloadFileRequest, context: Context
    ) -> None:
        tenant = tenant_of(context)
        with self._sends.held(tenant), self._metrics.downloads.track_inprogress():
            download = await self._downloads.open(tenant, decode.download_request(request))
            logs.bind(export_id=download.export.id, offset=download.offset, end=download.end)
            try:
                await send(download, context, self._budget, self._world.monotonic)
            finally:
                await download.reader.close()

    async def ListCollections(
        self, request: export_service_pb2.ListCollectionsRequest, context: Context
    ) -> export_service_pb2.ListCollectionsResponse:
        tenant_of(context)
        return encode.collections(self._exports.catalog.current.collections)
