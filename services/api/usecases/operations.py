"""The use cases of OperatorService, except the retry of an export."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.api.domain.fairness import Share, Shares
from services.api.domain.notifications import Delivery
from services.api.ports.clock import Clock
from services.api.ports.figures import QueueFigures, RunningExport, TenantQueue
from services.api.ports.live import Announcements, Workers, WorkerSeen
from services.api.ports.outbox import Outbox
from services.api.usecases.origin import ORIGIN
from services.contract.errors import WorkerNotFound
from services.contract.job import Hint
from services.contract.outcome import Progress

TenantPart = tuple[TenantQueue, Share]


@dataclass(frozen=True, slots=True)
class QueueView:
    """All exports that are not done: each tenant's part and share, and how long the oldest due export has waited."""

    tenants: tuple[TenantPart, ...]
    oldest: timedelta


@dataclass(frozen=True, slots=True)
class RunningView:
    """An export that is being built, its worker, and its last reported progress; None before the first report."""

    running: RunningExport
    progress: Progress | None


class Operations:
    """Shows the queue and the workers, drains workers, and resends notifications."""

    def __init__(
        self,
        *,
        figures: QueueFigures,
        outbox: Outbox,
        announcements: Announcements,
        workers: Workers,
        fairness: Shares,
        clock: Clock,
    ) -> None:
        self._figures = figures
        self._outbox = outbox
        self._announcements = announcements
        self._workers = workers
        self._fairness = fairness
        self._clock = clock

    async def queue(self) -> QueueView:
        """Return what waits and what runs."""
        queues = await self._figures.queue()
        depth = await self._figures.depth(self._clock())
        return QueueView(tuple((each, self._fairness.share(each.tenant)) for each in queues), depth.oldest)

    async def running_exports(self, tenant: str, after_id: str, limit: int) -> list[RunningView]:
        """Return the exports of a tenant (empty: of all tenants) that are being built, by id; see `QueueFigures`."""
        listed = await self._figures.running_exports(tenant, after_id, limit)
        progress = await self._announcements.progress([each.export.id for each in listed])
        return [RunningView(each, progress.get(each.export.id)) for each in listed]

    async def workers(self) -> tuple[list[WorkerSeen], datetime]:
        """Return the workers that were seen recently, and the current time."""
        return await self._workers.present(), self._clock()

    async def drain(self, worker_id: str) -> tuple[WorkerSeen, datetime]:
        """Ask a worker to stop when it has finished its jobs. Raises WorkerNotFound."""
        worker = await self._workers.ask_to_drain(worker_id, by=ORIGIN.get())
        if worker is None:
            raise WorkerNotFound(worker_id)
        self._announcements.wake_polls()  # the worker's own poll returns without a job
        self._announcements.direct(Hint.PROGRESS_WANTED)  # so that it hears of this at once
        return worker, self._clock()

    async def redeliver(self, tenant: str, delivery_id: str) -> Delivery:
        """Make a notification due again, and return it. Raises DeliveryNotFound."""
        delivery = await self._outbox.redeliver(tenant, delivery_id, self._clock(), by=ORIGIN.get())
        self._announcements.notification_due()
        return delivery
