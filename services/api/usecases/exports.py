"""The use cases of ExportService, except downloads."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.api.catalog.live import LiveCatalog
from services.api.catalog.model import Catalog
from services.api.domain.audit import of_preview
from services.api.domain.export import Export
from services.api.domain.fairness import Shares
from services.api.domain.history import Transition
from services.api.domain.notifications import Delivery, Position
from services.api.domain.quotas import Quota, Quotas, TenantQuotas, exceeded
from services.api.domain.states import LEASABLE, State
from services.api.ports.audit import AuditStore
from services.api.ports.exports import MAX_QUEUE_POSITION, ExportFilter, ExportStore, IdMatch, IdRange
from services.api.ports.figures import QueueFigures
from services.api.ports.live import Announcements, DetachedTasks, News, PreviewDesk, Workers
from services.api.ports.outbox import Outbox
from services.api.ports.quotas import UsageStore
from services.api.requests.packaging import password_violations
from services.api.requests.plan import CreateRequest, Plan, Planner
from services.api.secrets.passwords import Passwords
from services.api.usecases.lookup import export_of
from services.api.usecases.origin import ORIGIN
from services.api.usecases.sight import COLLECTIONS, is_limited, is_seen
from services.api.world import World
from services.contract.capabilities import Capabilities
from services.contract.errors import (
    CollectionNotFound,
    ExportNotFound,
    InvalidRequest,
    RequestIdReused,
    ShuttingDown,
    Violation,
)
from services.contract.job import Hint
from services.contract.outcome import Progress
from services.contract.preview import Previewed

PROGRESS_INTERVAL_S = 0.25
"""Shortest time between two progress messages of a watch."""

KEPT_FOR_S = 5.0
"""How long a process uses the sum of the bytes of a tenant's files."""

MAX_KEPT = 10_000
"""The number of tenants whose sums are kept."""

MAX_ID_MATCHES = 10
"""How many matches of each kind are returned for the beginning of an id.

More would not help a person who typed too little.
"""


@dataclass(frozen=True, slots=True)
class View:
    """An export as a caller sees it at one moment, with values that are not stored because they change by themselves.

    `queue_position` is 0 unless the export is QUEUED. `worker_there` is False if there is no worker. `worker_able` is
    False if no worker can build the export now. `capped` is True if the tenant has reached its cap of running exports.
    """

    export: Export
    now: datetime
    progress: Progress | None = None
    queue_position: int = 0
    worker_there: bool = True
    worker_able: bool = True
    capped: bool = False


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """What a tenant uses of a quota. `limit` 0 means that there is none."""

    quota: Quota
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class FirstRows:
    """A request as the api understood it, and the first rows of its result."""

    planned: Plan
    shown: Previewed


class Exports:
    """Creates, shows, cancels and deletes exports, each within one tenant."""

    def __init__(
        self,
        *,
        store: ExportStore,
        figures: QueueFigures,
        outbox: Outbox,
        announcements: Announcements,
        workers: Workers,
        catalog: LiveCatalog,
        planner: Planner,
        preview_desk: PreviewDesk,
        detached: DetachedTasks,
        fairness: Shares,
        quotas: TenantQuotas,
        usage: UsageStore,
        audit: AuditStore,
        passwords: Passwords,
        world: World,
        keepalive_s: float,
    ) -> None:
        """A watch without news repeats the last message every `keepalive_s` seconds."""
        self.catalog = catalog
        self._planner = planner
        self._store = store
        self._figures = figures
        self._outbox = outbox
        self._announcements = announcements
        self._workers = workers
        self._preview_desk = preview_desk
        self._fairness = fairness
        self._quotas = quotas
        self._usage = usage
        self._audit = audit
        self._kept: dict[str, tuple[float, int]] = {}
        self._passwords = passwords
        self._detached = detached
        self._world = world
        self._keepalive_s = keepalive_s

    async def create(self, tenant: str, request: CreateRequest) -> View:
        """Accept an export, or return the one that the same request created before, whatever has changed since.

        Raises InvalidRequest, CollectionNotFound, RequestIdReused, ExportDeleted.
        """
        try:
            planned = await self._planned(tenant, request)
        except (InvalidRequest, CollectionNotFound):
            made = await self._made_before(tenant, request)
            if made is None:
                raise
        else:
            quotas = self._quotas.quotas(tenant)
            if quotas.kept_bytes:
                await self._check_kept(tenant, quotas.kept_bytes)
            made = await self._detached.run(self._create(planned, quotas))
        if not is_seen(made):  # the catalog has changed since
            raise RequestIdReused(request.request_id)
        return await self._view(made)

    async def _made_before(self, tenant: str, request: CreateRequest) -> Export | None:
        """Return the export that a request created earlier, when it was still accepted; None if there is none."""
        mark = self._planner.mark(request)
        return await self._store.made_by(tenant, mark, self._world.clock()) if mark else None

    @property
    def catalog_seen(self) -> Catalog:
        """The collections that the caller sees."""
        return self.catalog.seen(COLLECTIONS.get())

    async def validate(self, tenant: str, request: CreateRequest) -> Export:
        """Return the export that `create` would accept, without storing it.

        Raises InvalidRequest, CollectionNotFound.
        """
        return (await self._planned(tenant, request)).export

    async def _planned(self, tenant: str, request: CreateRequest) -> Plan:
        earlier = await self._store.get(tenant, request.since_export) if request.since_export else None
        if earlier is not None and not is_seen(earlier):
            earlier = None
        return self._planner.plan(request, tenant, self._world.clock(), earlier, COLLECTIONS.get())

    async def preview(self, tenant: str, request: CreateRequest, rows: int) -> FirstRows:
        """Return the first rows of the result of `request`.

        Raises the errors of `create`, and NoWorker, PreviewFailed.
        """
        planned = await self._planned(tenant, replace(request, any_format=True))
        if limit := self._quotas.quotas(tenant).previews_a_minute:
            await self._usage.take(tenant, Quota.PREVIEWS, limit, self._world.clock())
        shown = await self._preview_desk.show(planned.spec, rows, tenant)
        now = self._world.clock()
        await self._audit.add([of_preview(tenant, planned.export.type, len(shown.rows), ORIGIN.get(), now)])
        return FirstRows(planned, shown)

    async def get(self, tenant: str, export_id: str) -> View:
        """Return an export. Raises ExportNotFound."""
        placed = await self._store.placed(tenant, export_id)
        if placed is None or not is_seen(placed.export):
            raise ExportNotFound(export_id)
        return self._seen(placed.export, await self._moment([placed.export]), placed.queue_position)

    async def list(self, tenant: str, filters: ExportFilter, before_id: str, limit: int) -> tuple[Sequence[View], str]:
        """Return at most `limit` exports, newest first, and the `before_id` of the next page.

        The exports are older than `before_id` (empty: from the newest). The next `before_id` is empty after the last
        export. A page may have fewer than `limit` exports, or none, although others follow: see `ExportStore.page`.
        """
        found = await self._store.page(tenant, filters, before_id, limit)
        exports = [*filter(is_seen, found.exports)]
        queued = await self._store.first_queued(tenant) if any(e.state is State.QUEUED for e in exports) else []
        places = {export_id: place for place, export_id in enumerate(queued, 1)}
        moment = await self._moment(exports)
        views = [self._seen(export, moment, places.get(export.id, MAX_QUEUE_POSITION)) for export in exports]
        return views, found.next_before

    async def find_ids(self, tenant: str, within: IdRange) -> Sequence[IdMatch]:
        """Return the exports, files and deliveries whose ids are in a range, at most MAX_ID_MATCHES of each kind."""
        found = await self._store.ids(tenant, within, MAX_ID_MATCHES)
        found = [*found, *await self._outbox.ids(tenant, within, MAX_ID_MATCHES)]
        return [each for each in found if await self._is_there(tenant, each)] if is_limited() else found

    async def _is_there(self, tenant: str, match: IdMatch) -> bool:
        export = await self._store.get(tenant, match.export_id)
        return export is not None and is_seen(export)

    async def watch(self, tenant: str, export_id: str) -> AsyncIterator[View]:
        """Yield the export now and after each change, until it is done. Raises ExportNotFound, ShuttingDown."""
        with self._announcements.watch(export_id) as watch:  # before the first look: no change is missed
            view = await self.get(tenant, export_id)
            if view.export.state is State.PROCESSING and view.progress is None:
                self._announcements.direct(Hint.PROGRESS_WANTED)
            yield view
            while not view.export.done:
                sent = self._world.monotonic()
                news = await watch.wait(self._keepalive_s)
                if self._announcements.draining:
                    raise ShuttingDown
                if news is News.PROGRESS:
                    pause_s = sent + PROGRESS_INTERVAL_S - self._world.monotonic()
                    if await watch.changes_within(pause_s):  # merges reports; a change is sent at once
                        continue
                    view = await self._view(view.export)
                else:
                    view = await self._changed(tenant, view.export, watch.announced())
                yield view

    async def _changed(self, tenant: str, last: Export, announced: Export | None) -> View:
        """Return an export after a change. What was announced is durable, so that it need not be read again."""
        if announced is None or announced.version < last.version:
            return await self.get(tenant, last.id)
        return await self._view(announced)

    async def cancel(self, tenant: str, export_id: str, *, only_if_queued: bool) -> View:
        """Cancel an export that is not done. Raises ExportNotFound, IllegalTransition, NotQueued."""
        await self._check_seen(tenant, export_id)
        return await self._view(
            await self._detached.run(self._cancel(tenant, export_id, only_if_queued=only_if_queued))
        )

    async def delete(self, tenant: str, export_id: str) -> None:
        """Delete an export that is done. Repeating this has no effect. Raises ExportNotFound, IllegalTransition."""
        await self._check_seen(tenant, export_id)
        await self._detached.run(self._delete(tenant, export_id))

    async def _check_seen(self, tenant: str, export_id: str) -> None:
        """Raise ExportNotFound if the caller does not see the collection of an export, which never changes."""
        if is_limited():
            await export_of(self._store, tenant, export_id)

    async def retry(self, tenant: str, export_id: str, budget: int, password: str) -> View:
        """Begin a new run of an export that failed permanently. For operators.

        An encrypted export needs its password again. Raises ExportNotFound, IllegalTransition, PasswordRequired, and
        InvalidRequest if a password is given for an export without encryption.
        """
        export = await export_of(self._store, tenant, export_id)
        if password and not export.encrypted:
            raise InvalidRequest((Violation("password", "this export has none; leave it out"),))
        if violations := tuple(password_violations(password)):
            raise InvalidRequest(violations)
        sealed = self._passwords.sealed(password, export_id) if password else None
        return await self._view(await self._detached.run(self._retry(tenant, export_id, budget, sealed)))

    async def transitions(
        self, tenant: str, export_id: str, *, after: int = 0, limit: int | None = None
    ) -> Sequence[Transition]:
        """Return the history of an export, oldest first; see `ExportStore.transitions`. Raises ExportNotFound."""
        await export_of(self._store, tenant, export_id)
        return await self._store.transitions(tenant, export_id, after=after, limit=limit)

    async def deliveries(
        self, tenant: str, export_id: str, *, after: Position | None = None, limit: int | None = None
    ) -> Sequence[Delivery]:
        """Return the notifications of an export; see `Outbox.deliveries`. Raises ExportNotFound."""
        await export_of(self._store, tenant, export_id)
        return await self._outbox.deliveries(tenant, export_id, after=after, limit=limit)

    async def _check_kept(self, tenant: str, limit: int) -> None:
        """Raise QuotaExceeded if the files of a tenant take too much room.

        What an export will take is not known before it is built, so the sum may be KEPT_FOR_S old.
        """
        until, kept = self._kept.get(tenant, (float("-inf"), 0))
        if self._world.monotonic() >= until:
            kept = await self._usage.kept_bytes(tenant, self._world.clock())
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[tenant] = (self._world.monotonic() + KEPT_FOR_S, kept)
        if kept >= limit:
            raise exceeded(Quota.KEPT_BYTES, kept, limit, self._world.clock())

    async def usage(self, tenant: str) -> Sequence[QuotaUse]:
        """Return what a tenant uses of each quota."""
        quotas, used = self._quotas.quotas(tenant), await self._usage.usage(tenant, self._world.clock())
        running = self._fairness.share(tenant).max_running
        return [
            QuotaUse(quota, used[quota], running if quota is Quota.RUNNING else quotas.limit(quota)) for quota in Quota
        ]

    async def _create(self, planned: Plan, quotas: Quotas) -> Export:
        export = await self._store.create(
            planned.export, planned.spec, planned.mark, planned.sealed_password, quotas, by=ORIGIN.get()
        )
        if export.id == planned.export.id:
            self._announcements.exported(export)
        return export

    async def _cancel(self, tenant: str, export_id: str, *, only_if_queued: bool) -> Export:
        export, lease_id = await self._store.cancel(
            tenant, export_id, self._world.clock(), only_if_queued=only_if_queued, by=ORIGIN.get()
        )
        self._announcements.exported(export)
        if lease_id:
            self._announcements.direct(Hint.CANCEL, lease_id)
        return export

    async def _retry(self, tenant: str, export_id: str, budget: int, sealed_password: bytes | None) -> Export:
        export = await self._store.retry(
            tenant, export_id, budget, sealed_password, self._world.clock(), by=ORIGIN.get()
        )
        self._announcements.exported(export)
        return export

    async def _delete(self, tenant: str, export_id: str) -> None:
        if await self._store.delete(tenant, export_id, self._world.clock(), by=ORIGIN.get()):
            self._announcements.deleted(export_id)

    async def _view(self, export: Export) -> View:
        position = await self._store.queue_position(export) if export.state is State.QUEUED else 0
        return self._seen(export, await self._moment([export]), position)

    async def _moment(self, exports: Sequence[Export]) -> "_Moment":
        waiting = any(export.state in LEASABLE for export in exports)
        building = [export.id for export in exports if export.state is State.PROCESSING]
        return _Moment(
            now=self._world.clock(),
            progress=await self._announcements.progress(building) if building else {},
            worker_there=await self._workers.anybody() if waiting else True,
            able=await self._workers.able() if waiting else (),
            running=await self._figures.running() if waiting and self._fairness.caps else {},
        )

    def _seen(self, export: Export, moment: "_Moment", position: int) -> View:
        waits = export.state in LEASABLE
        return View(
            export=export,
            now=moment.now,
            progress=moment.progress.get(export.id),
            queue_position=position if export.state is State.QUEUED else 0,
            worker_there=moment.worker_there or not waits,
            worker_able=not waits or any(can.meet(export.requirement, export.tenant) for can in moment.able),
            capped=waits and self._fairness.capped(export.tenant, moment.running.get(export.tenant, 0)),
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    """Everything but the stored export that decides how exports are shown at one moment.

    `able` has the capabilities of each worker that would take work. `running` is empty if no tenant is capped.
    """

    now: datetime
    progress: Mapping[str, Progress]
    worker_there: bool
    able: Sequence[Capabilities]
    running: Mapping[str, int]
