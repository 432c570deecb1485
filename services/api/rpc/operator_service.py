"""OperatorService over gRPC: decode, call, encode."""

from exportd.v1 import export_pb2, export_service_pb2, operator_service_pb2, operator_service_pb2_grpc
from services.api.requests.plan import DEFAULT_ATTEMPTS, MAX_ATTEMPTS
from services.api.rpc import decode, encode, encode_history, encode_operator
from services.api.rpc.audit.lists import AuditLists
from services.api.rpc.call import export_id_of, tenant_of
from services.api.rpc.gate import CALLER
from services.api.rpc.metadata import Context
from services.api.rpc.pages import Pages, fetched_from, one_more
from services.api.usecases.exports import Exports
from services.api.usecases.operations import Operations, RunningView, TenantPart
from services.contract.codec import duration_to_pb
from services.contract.errors import InvalidRequest, ScopeMissing, Violation


class OperatorServicer(operator_service_pb2_grpc.OperatorServiceServicer):
    """Implements OperatorService."""

    def __init__(self, exports: Exports, operations: Operations, audit: AuditLists, pages: Pages) -> None:
        self._audit = audit
        self._pages = pages
        self._exports = exports
        self._operations = operations

    async def RetryExport(
        self, request: operator_service_pb2.RetryExportRequest, context: Context
    ) -> export_pb2.Export:
        if not 0 <= request.max_attempts <= MAX_ATTEMPTS:
            raise InvalidRequest((Violation("max_attempts", f"must be 1 to {MAX_ATTEMPTS}, or 0 for the default"),))
        budget = request.max_attempts or DEFAULT_ATTEMPTS
        view = await self._exports.retry(tenant_of(context), export_id_of(request.export_id), budget, request.password)
        return encode.export(view)

    async def RedeliverNotification(
        self, request: operator_service_pb2.RedeliverNotificationRequest, context: Context
    ) -> export_pb2.Delivery:
        return encode_history.delivery(
            await self._operations.redeliver(tenant_of(context), decode.delivery_id(request.delivery_id))
        )

    async def GetQueue(
        self, request: operator_service_pb2.GetQueueRequest, context: Context
    ) -> operator_service_pb2.Queue:
        view, caller = await self._operations.queue(), CALLER.get()
        shown = [part for part in view.tenants if caller.sees(_name_of(part))]
        tenants, token = await self._pages.filled(
            self._pages.asked(request),
            fetched_from(shown, _name_of),
            encode_operator.tenant_queue,
            _name_of,
        )
        oldest_age = duration_to_pb(view.oldest)
        return operator_service_pb2.Queue(tenants=tenants, oldest_age=oldest_age, next_page_token=token)

    async def ListRunningExports(
        self, request: operator_service_pb2.ListRunningExportsRequest, context: Context
    ) -> operator_service_pb2.ListRunningExportsResponse:
        tenant = CALLER.get().only_tenant
        listed, token = await self._pages.filled(
            self._pages.asked(request, tenant),
            one_more(lambda after, count: self._operations.running_exports(tenant, after, count), _id_of),
            encode_operator.running_export,
            _id_of,
        )
        return operator_service_pb2.ListRunningExportsResponse(running_exports=listed, next_page_token=token)

    async def ListWorkers(
        self, request: operator_service_pb2.ListWorkersRequest, context: Context
    ) -> operator_service_pb2.ListWorkersResponse:
        workers, now = await self._operations.workers()
        listed, token = await self._pages.filled(
            self._pages.asked(request),
            fetched_from(workers, lambda worker: worker.id),
            lambda worker: encode_operator.worker(worker, now),
            lambda worker: worker.id,
        )
        return operator_service_pb2.ListWorkersResponse(workers=listed, next_page_token=token)

    async def GetTenantUsage(
        self, request: operator_service_pb2.GetTenantUsageRequest, context: Context
    ) -> export_service_pb2.Usage:
        own = tenant_of(context)
        tenant = decode.tenant([request.tenant or own])
        if tenant != own and not CALLER.get().sees(tenant):
            raise ScopeMissing("operate for all tenants")
        return encode.usage(tenant, await self._exports.usage(tenant))

    async def ListAuditEntries(
        self,
        request: operator_service_pb2.ListAuditEntriesRequest,
        context: Context,
    ) -> operator_service_pb2.ListAuditEntriesResponse:
        return await self._audit.listed(request)

    async def DrainWorker(
        self, request: operator_service_pb2.DrainWorkerRequest, context: Context
    ) -> operator_service_pb2.Worker:
        return encode_operator.worker(*await self._operations.drain(decode.identifier("worker_id", request.worker_id)))


def _id_of(view: RunningView) -> str:
    return view.running.export.id


def _name_of(part: TenantPart) -> str:
    return part[0].tenant
