"""Operator: OperatorService in Python."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import datetime

from exportd.v1.export_pb2 import Delivery, Export
from exportd.v1.export_service_pb2 import Usage
from exportd.v1.operator_service_pb2 import (
    AuditEntry,
    DrainWorkerRequest,
    GetQueueRequest,
    GetTenantUsageRequest,
    ListAuditEntriesRequest,
    ListRunningExportsRequest,
    ListWorkersRequest,
    Queue,
    RedeliverNotificationRequest,
    RetryExportRequest,
    RunningExport,
    Worker,
)
from exportd_client import conversions
from exportd_client.aio.connection import MAX_PAGE_SIZE, Link
from exportd_client.enums import value_of


class Operator:
    """Inspects the queue, retries exports and drains workers. It raises the same errors as ExportClient."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def retry(self, export_id: str, *, max_attempts: int = 0, password: str | None = None) -> Export:
        """Retry an export that has failed permanently (CANCELLED, but not on request). This begins a new run.

        max_attempts: attempts of the new run, 1 to 10; 0: 3.
        password: required again for an encrypted export.

        The call is not retried: after Unavailable or Unreachable, look at `run` of the export.

        Raises FailedPrecondition if the export is in another state, or needs its password.
        """
        request = RetryExportRequest(
            export_id=export_id, max_attempts=max_attempts, password=conversions.password_text(password)
        )
        return await self._link.ask_once(self._link.operators.RetryExport, request)

    async def redeliver(self, delivery_id: str) -> Delivery:
        """Resend a notification, whatever its state. Raises NotFound if no notification has this id."""
        request = RedeliverNotificationRequest(delivery_id=delivery_id)
        return await self._link.ask(self._link.operators.RedeliverNotification, request)

    async def queue(self) -> Queue:
        """Return the numbers of unfinished exports of each tenant, for all tenants."""
        whole = Queue()
        async for page in self._link.pages(self._link.operators.GetQueue, GetQueueRequest(page_size=MAX_PAGE_SIZE)):
            whole.tenants.extend(page.tenants)
            whole.oldest_age.CopyFrom(page.oldest_age)
        return whole

    async def running(self, *, page_size: int = MAX_PAGE_SIZE) -> AsyncGenerator[RunningExport]:
        """Yield the exports of all tenants that are being built, oldest first. Pages are fetched as they are needed."""
        request = ListRunningExportsRequest(page_size=page_size)
        async for page in self._link.pages(self._link.operators.ListRunningExports, request):
            for export in page.running_exports:
                yield export

    async def workers(self) -> Sequence[Worker]:
        """Return the workers that have reported within the last minute."""
        pages = self._link.pages(self._link.operators.ListWorkers, ListWorkersRequest(page_size=MAX_PAGE_SIZE))
        return [worker async for page in pages for worker in page.workers]

    async def usage(self, tenant: str = "") -> Usage:
        """Return what a tenant uses of its quotas; empty means that of the caller."""
        return await self._link.ask(self._link.operators.GetTenantUsage, GetTenantUsageRequest(tenant=tenant))

    async def audit(
        self,
        *,
        tenant: str = "",
        actions: Iterable[str] = (),
        resource_id: str = "",
        principal: str = "",
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page_size: int = 0,
    ) -> AsyncGenerator[AuditEntry]:
        """Yield the entries of the audit trail that match all given conditions, newest first.

        Pages are fetched as they are needed.

        tenant: empty means all tenants that your key may see.
        actions: names such as "EXPORT_CREATED"; ValueError for an unknown one.
        resource_id: the id of an export, a key or a worker.
        principal: who did it, such as "key:0123456789".
        created_after, created_before: from this time on, and before this time; without a time zone they are in UTC.
        page_size: entries per page; 0: 50.
        """
        request = ListAuditEntriesRequest(
            tenant=tenant,
            actions=[value_of(AuditEntry.Action, action) for action in actions],
            resource_id=resource_id,
            principal=principal,
            created_after=conversions.timestamp(created_after),
            created_before=conversions.timestamp(created_before),
            page_size=page_size,
        )
        async for page in self._link.pages(self._link.operators.ListAuditEntries, request):
            for entry in page.entries:
                yield entry

    async def drain(self, worker_id: str) -> Worker:
        """Tell a worker to finish its current exports and to stop. Raises NotFound if it has not reported recently."""
        return await self._link.ask(self._link.operators.DrainWorker, DrainWorkerRequest(worker_id=worker_id))
