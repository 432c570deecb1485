"""ExportService over gRPC: decode, call, encode."""

from collections.abc import Sequence

from google.protobuf.empty_pb2 import Empty

from exportd.v1 import export_pb2, export_service_pb2, export_service_pb2_grpc
from services.api.catalog.model import Catalog, Collection
from services.api.catalog.resolve import collection_of
from services.api.domain.history import Transition
from services.api.domain.keys import Scope
from services.api.domain.notifications import Delivery, Position
from services.api.metrics import ApiMetrics
from services.api.rpc import decode, encode, encode_history
from services.api.rpc.call import export_id_of, tenant_of
from services.api.rpc.download_stream import PieceBudget, send
from services.api.rpc.gate import CALLER
from services.api.rpc.limits import Limit
from services.api.rpc.links.admission import LINK
from services.api.rpc.links.download import linked_request
from services.api.rpc.links.pace import LinkPace
from services.api.rpc.metadata import Context
from services.api.rpc.pages import Pages, one_more
from services.api.usecases.download_log import DownloadLog
from services.api.usecases.downloads import DownloadRequest, Downloads
from services.api.usecases.exports import Exports
from services.api.usecases.linked_files import told_as_no_link
from services.api.usecases.traces import ExportTraces
from services.api.world import World
from services.runtime import logs

MAX_WATCHES = 4000
MAX_DOWNLOADS = 512
MAX_DOWNLOADS_OF_LINK = 16
MAX_PREVIEWS = 64


class ExportServicer(export_service_pb2_grpc.ExportServiceServicer):
    """Implements ExportService."""

    def __init__(  # noqa: PLR0917 - its parts
        self,
        exports: Exports,
        downloads: Downloads,
        download_log: DownloadLog,
        pages: Pages,
        metrics: ApiMetrics,
        world: World,
        pace: LinkPace,
        traces: ExportTraces | None = None,
    ) -> None:
        self._pace = pace
        self._exports = exports
        self._downloads = downloads
        self._download_log = download_log
        self._pages = pages
        self._metrics = metrics
        self._world = world
        self._traces = traces or ExportTraces()
        # A tenant may have at most half of them, so that it always leaves room for others.
        self._watches = Limit("watch", MAX_WATCHES, MAX_WATCHES // 2)
        self._sends = Limit("download", MAX_DOWNLOADS, MAX_DOWNLOADS // 2)
        self._sends_by_link = Limit("download", MAX_DOWNLOADS, MAX_DOWNLOADS_OF_LINK)
        self._previews = Limit("preview", MAX_PREVIEWS, MAX_PREVIEWS // 2)
        self._budget = PieceBudget()

    async def CreateExport(
        self, request: export_service_pb2.CreateExportRequest, context: Context
    ) -> export_pb2.Export:
        create = decode.create_request(request, may_read=CALLER.get().may(Scope.READ))
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
        tenant = tenant_of(context)
        asked, wanted = self._pages.asked(request, tenant), decode.export_filter(request)
        listed, token = await self._pages.filled(
            asked,
            lambda before_id, count: self._exports.list(tenant, wanted, before_id, count),
            lambda view: encode.export(view, with_entries=False),
            lambda view: view.export.id,
        )
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
        tenant, export_id = tenant_of(context), export_id_of(request.export_id)
        listed, token = await self._pages.filled(
            self._pages.asked(request, tenant),
            one_more(
                lambda after, count: self._exports.transitions(tenant, export_id, after=int(after or 0), limit=count),
                _place_in_history,
            ),
            encode_history.transition,
            _place_in_history,
        )
        return export_service_pb2.ListTransitionsResponse(transitions=listed, next_page_token=token)

    async def ListDeliveries(
        self, request: export_service_pb2.ListDeliveriesRequest, context: Context
    ) -> export_service_pb2.ListDeliveriesResponse:
        tenant, export_id = tenant_of(context), export_id_of(request.export_id)
        listed, token = await self._pages.filled(
            self._pages.asked(request, tenant),
            one_more(
                lambda after, count: self._exports.deliveries(tenant, export_id, after=_position(after), limit=count),
                _place_of_delivery,
            ),
            encode_history.delivery,
            _place_of_delivery,
        )
        return export_service_pb2.ListDeliveriesResponse(deliveries=listed, next_page_token=token)

    async def GetFile(self, request: export_service_pb2.GetFileRequest, context: Context) -> export_pb2.File:
        return encode.file_of(
            *await self._downloads.file(tenant_of(context), decode.identifier("file_id", request.file_id))
        )

    async def DownloadFile(  # type: ignore[override]  # writes: a generator would be closed late
        self, request: export_service_pb2.DownloadFileRequest, context: Context
    ) -> None:
        if shown := LINK.get():
            self._pace.take(shown.link.id)
            with told_as_no_link(), self._sends_by_link.held(shown.link.id):
                await self._send(shown.link.tenant, linked_request(request, shown.link), context)
        else:
            await self._send(tenant_of(context), decode.download_request(request), context)

    async def _send(self, tenant: str, request: DownloadRequest, context: Context) -> None:
        with self._sends.held(tenant), self._metrics.downloads.track_inprogress():
            download = await self._downloads.open(tenant, request)
            logs.bind(export_id=download.export.id, offset=download.offset, end=download.end)
            try:
                with self._download_log.entered(download) as sending, self._traces.download(sending):
                    await send(sending, context, self._budget, self._world.monotonic)
            finally:
                await download.reader.close()

    async def GetDownloadUrl(
        self, request: export_service_pb2.GetDownloadUrlRequest, context: Context
    ) -> export_service_pb2.GetDownloadUrlResponse:
        return encode.download_url(await self._downloads.url(tenant_of(context), decode.url_request(request)))

    async def ListCollections(
        self, request: export_service_pb2.ListCollectionsRequest, context: Context
    ) -> export_service_pb2.ListCollectionsResponse:
        catalog = self._exports.catalog_seen
        with_columns = decode.with_columns(request)

        def place(collection: Collection) -> str:
            return f"{catalog.place(collection.code)} {collection.code}"

        listed, token = await self._pages.filled(
            self._pages.asked(request, tenant_of(context)),
            one_more(lambda after, count: _following(catalog, after, count), place),
            lambda collection: encode.collection(collection, with_columns=with_columns),
            place,
        )
        return export_service_pb2.ListCollectionsResponse(collections=listed, next_page_token=token)

    async def GetCollection(
        self, request: export_service_pb2.GetCollectionRequest, context: Context
    ) -> export_service_pb2.Collection:
        tenant_of(context)
        return encode.collection(collection_of(self._exports.catalog_seen, request.type), with_columns=True)

    async def GetUsage(self, request: export_service_pb2.GetUsageRequest, context: Context) -> export_service_pb2.Usage:
        tenant = tenant_of(context)
        return encode.usage(tenant, await self._exports.usage(tenant))

    async def FindIds(
        self, request: export_service_pb2.FindIdsRequest, context: Context
    ) -> export_service_pb2.FindIdsResponse:
        found = await self._exports.find_ids(tenant_of(context), decode.id_range(request.prefix))
        return export_service_pb2.FindIdsResponse(matches=[encode.id_match(each) for each in found])


def _place_in_history(entry: Transition) -> str:
    return str(entry.version)


def _place_of_delivery(delivery: Delivery) -> str:
    return f"{delivery.run} {delivery.channel.name} {delivery.number}"


def _position(place: str) -> Position | None:
    if not place:
        return None
    run, channel, number = (*place.split(" "), "0")[:3]  # a token of an earlier version has no number
    return Position(int(run), channel, int(number))


async def _following(catalog: Catalog, after: str, count: int) -> Sequence[Collection]:
    """Return up to `count` collections after a place. The place may come from the catalog before it was reloaded."""
    place, _, code = after.partition(" ")
    return catalog.following(code, int(place or 0), count)
