# Made of exportd_client/aio/operator.py by `make proto`: change that one.
"""SyncOperator: OperatorService as Python sees it."""

from collections.abc import Generator, Sequence

from exportd.v1.export_pb2 import Delivery, Export
from exportd.v1.operator_service_pb2 import (
    DrainWorkerRequest,
    GetQueueRequest,
    ListRunningExportsRequest,
    ListWorkersRequest,
    Queue,
    RedeliverNotificationRequest,
    RetryExportRequest,
    RunningExport,
    Worker,
)
from exportd_client import conversions
from exportd_client.sync.connection import MAX_PAGE_SIZE, Link


class SyncOperator:
    """Inspects the queue, retries exports and drains workers. Raises as SyncExportClient does."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def retry(self, export_id: str, *, max_attempts: int = 0, password: str | None = None) -> Export:
        """Retries an export that has permanently failed (CANCELLED, but not on request); it begins a new run.

        max_attempts: of that run, 1 to 10; 0: 3. password: an encrypted export needs it again. The call is made once:
        after Unavailable or Unreachable, look at `run` of the export.

        FailedPrecondition: it is in another state, or lacks its password.
        """
        request = RetryExportRequest(
            export_id=export_id, max_attempts=max_attempts, password=conversions.password_text(password)
        )
        return self._link.ask_once(self._link.operators.RetryExport, request)

    def redeliver(self, delivery_id: str) -> Delivery:
        """Resends a notification, whatever its state. NotFound: no notification has this id."""
        request = RedeliverNotificationRequest(delivery_id=delivery_id)
        return self._link.ask(self._link.operators.RedeliverNotification, request)

    def queue(self) -> Queue:
        """Unfinished exports per tenant, of all tenants."""
        whole = Queue()
        for page in self._link.pages(self._link.operators.GetQueue, GetQueueRequest(page_size=MAX_PAGE_SIZE)):
            whole.tenants.extend(page.tenants)
            whole.oldest_age.CopyFrom(page.oldest_age)
        return whole

    def running(self, *, page_size: int = MAX_PAGE_SIZE) -> Generator[RunningExport]:
        """Exports that are being built, of all tenants, the oldest first, page by page as they are iterated."""
        request = ListRunningExportsRequest(page_size=page_size)
        for page in self._link.pages(self._link.operators.ListRunningExports, request):
            for export in page.running_exports:
                yield export

    def workers(self) -> Sequence[Worker]:
        """Workers that have reported within the last minute."""
        pages = self._link.pages(self._link.operators.ListWorkers, ListWorkersRequest(page_size=MAX_PAGE_SIZE))
        return [worker for page in pages for worker in page.workers]

    def drain(self, worker_id: str) -> Worker:
        """Tells a worker to finish its current exports and to stop. NotFound: it has not reported lately."""
        return self._link.ask(self._link.operators.DrainWorker, DrainWorkerRequest(worker_id=worker_id))
