"""The use cases of ExportService, but for downloads."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.api.catalog.live import LiveCatalog
from services.api.domain.export import Export
from services.api.domain.fairness import Shares
from services.api.domain.history import Transition
from services.api.domain.notifications import Delivery, Position
from services.api.domain.states import LEASABLE, State
from services.api.ports.exports import MAX_QUEUE_POSITION, ExportFilter, ExportStore, IdMatch, IdRange
from services.api.ports.figures import QueueFigures
from services.api.ports.live import Announcements, DetachedTasks, News, PreviewDesk, Workers
from services.api.ports.outbox import Outbox
from services.api.requests.packaging import password_violations
from services.api.requests.plan import CreateRequest, Plan, Planner
from services.api.secrets.passwords import Passwords
from services.api.usecases.lookup import export_of
from services.api.world import World
from services.contract.capabilities import Capabilities
from services.contract.errors import CollectionNotFound, ExportNotFound, InvalidRequest, ShuttingDown, Violation
from services.contract.job import Hint
from services.contract.outcome import Progress
from services.contract.preview import Previewed

PROGRESS_INTERVAL_S = 0.25
"""Progress is sent at most this often."""

MAX_ID_MATCHES = 10
"""Of each kind: more do not help who typed too little of an id."""


@dataclass(frozen=True, slots=True)
class View:
    """An export as a caller sees it at a moment: with what is not stored because it changes by itself.

    `queue_position` is 0 unless QUEUED. `worker_there` is False when there is no worker, `worker_able` when none of
    them can build it now; `capped` is True when the tenant runs as many exports as it may.
    """

    export: Export
    now: datetime
    progress: Progress | None = None
    queue_position: int = 0
    worker_there: bool = True
    worker_able: bool = True
    capped: bool = False


@dataclass(frozen=True, slots=True)
class FirstRows:
    """A request as understood, and the first rows of what it asks for."""

    planned: Plan
    shown: Previewed


class Exports:
    """Creates exports and shows, cancels and deletes them, each within one tenant."""

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
        passwords: Passwords,
        world: World,
        keepalive_s: float,
    ) -> None:
        """A watch without news repeats itself each `keepalive_s`."""
        self.catalog = catalog
        self._planner = planner
        self._store = store
        self._figures = figures
        self._outbox = outbox
        self._announcements = announcements
        self._workers = workers
        self._preview_desk = preview_desk
        self._fairness = fairness
        self._passwords = passwords
        self._detached = detached
        self._world = world
        self._keepalive_s = keepalive_s

    async def create(self, tenant: str, request: CreateRequest) -> View:
        """Accept an export, or return the one that the same request made before, whatever has changed since.

        Raises InvalidRequest, CollectionNotFound, RequestIdReused, ExportDeleted.
        """
        try:
            planned = await self._planned(tenant, request)
        except (InvalidRequest, CollectionNotFound):
            made = await self._made_before(tenant, request)
            if made is None:
                raise
        else:
            made = await self._detached.run(self._create(planned))
        return await self._view(made)

    async def _made_before(self, tenant: str, request: CreateRequest) -> Export | None:
        """Of a request that is refused now: what it made when it was not."""
        mark = self._planner.mark(request)
        return await self._store.made_by(tenant, mark, self._world.clock()) if mark else None

    async def validate(self, tenant: str, request: CreateRequest) -> Export:
        """The export that `create` would accept; nothing of it is kept. Raises InvalidRequest, CollectionNotFound."""
        return (await self._planned(tenant, request)).export

    async def _planned(self, tenant: str, request: CreateRequest) -> Plan:
        earlier = await self._store.get(tenant, request.since_export) if request.since_export else None
        return self._planner.plan(request, tenant, self._world.clock(), earlier)

    async def preview(self, tenant: str, request: CreateRequest, rows: int) -> FirstRows:
        """The first rows of what `request` asks for. Raises as `create`, and NoWorker, PreviewFailed."""
        planned = await self._planned(tenant, replace(request, any_format=True))
        return FirstRows(planned, await self._preview_desk.show(planned.spec, rows))

    async def get(self, tenant: str, export_id: str) -> View:
        """Raises ExportNotFound."""
        placed = await self._store.placed(tenant, export_id)
        if placed is None:
            raise ExportNotFound(export_id)
        return self._seen(placed.export, await self._moment([placed.export]), placed.queue_position)

    async def list(self, tenant: str, filters: ExportFilter, before_id: str, limit: int) -> tuple[Sequence[View], str]:
        """At most `limit`, newest first, those older than `before_id` (empty: from the newest), and where to go on.

        That is empty behind the last. There may be fewer or none and others behind them: see `ExportStore.page`.
        """
        found = await self._store.page(tenant, filters, before_id, limit)
        exports = found.exports
        queued = await self._store.first_queued(tenant) if any(e.state is State.QUEUED for e in exports) else []
        places = {export_id: place for place, export_id in enumerate(queued, 1)}
        moment = await self._moment(exports)
        views = [self._seen(export, moment, places.get(export.id, MAX_QUEUE_POSITION)) for export in exports]
        return views, found.next_before

    async def find_ids(self, tenant: str, within: IdRange) -> Sequence[IdMatch]:
        """Exports, files and deliveries with such an id, at most MAX_ID_MATCHES of each kind."""
        found = await self._store.ids(tenant, within, MAX_ID_MATCHES)
        return [*found, *await self._outbox.ids(tenant, within, MAX_ID_MATCHES)]

    async def watch(self, tenant: str, export_id: str) -> AsyncIterator[View]:
        """The export now and after each change, until it is done. Raises ExportNotFound, ShuttingDown."""
        with self._announcements.watch(export_id) as watch:  # before the first look: no change falls between
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
                    if await watch.changes_within(pause_s):  # reports that come meanwhile are one, a change is at once
                        continue
                    view = await self._view(view.export)
                else:
                    view = await self.get(tenant, export_id)
                yield view

    async def cancel(self, tenant: str, export_id: str, *, only_if_queued: bool) -> View:
        """End an export that is not done. Raises ExportNotFound, IllegalTransition, NotQueued."""
        return await self._view(
            await self._detached.run(self._cancel(tenant, export_id, only_if_queued=only_if_queued))
        )

    async def delete(self, tenant: str, export_id: str) -> None:
        """Remove an export that is done; repeated: nothing. Raises ExportNotFound, IllegalTransition."""
        await self._detached.run(self._delete(tenant, export_id))

    async def retry(self, tenant: str, export_id: str, budget: int, password: str) -> View:
        """Begin a new run of an export that failed permanently. For operators.

        An encrypted one needs its password again. Raises ExportNotFound, IllegalTransition, PasswordRequired,
        InvalidRequest for a password that the export does not ask for.
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
        """The history of an export, oldest first, as ExportStore.transitions. Raises ExportNotFound."""
        await export_of(self._store, tenant, export_id)
        return await self._store.transitions(tenant, export_id, after=after, limit=limit)

    async def deliveries(
        self, tenant: str, export_id: str, *, after: Position | None = None, limit: int | None = None
    ) -> Sequence[Delivery]:
        """The notifications of an export, as Outbox.deliveries. Raises ExportNotFound."""
        await export_of(self._store, tenant, export_id)
        return await self._outbox.deliveries(tenant, export_id, after=after, limit=limit)

    async def _create(self, planned: Plan) -> Export:
        export = await self._store.create(planned.export, planned.spec, planned.mark, planned.sealed_password)
        if export.id == planned.export.id:
            self._announcements.exported(export)
        return export

    async def _cancel(self, tenant: str, export_id: str, *, only_if_queued: bool) -> Export:
        export, lease_id = await self._store.cancel(
            tenant, export_id, self._world.clock(), only_if_queued=only_if_queued
        )
        self._announcements.exported(export)
        if lease_id:
            self._announcements.direct(Hint.CANCEL, lease_id)
        return export

    async def _retry(self, tenant: str, export_id: str, budget: int, sealed_password: bytes | None) -> Export:
        export = await self._store.retry(tenant, export_id, budget, sealed_password, self._world.clock())
        self._announcements.exported(export)
        return export

    async def _delete(self, tenant: str, export_id: str) -> None:
        if await self._store.delete(tenant, export_id, self._world.clock()):
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
            worker_able=not waits or any(can.meet(export.requirement) for can in moment.able),
            capped=waits and self._fairness.capped(export.tenant, moment.running.get(export.tenant, 0)),
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    """What views show that is not stored with an export.

    `able` is what each worker can do that would take work. `running` is empty where no tenant is capped.
    """

    now: datetime
    progress: Mapping[str, Progress]
    worker_there: bool
    able: Sequence[Capabilities]
    running: Mapping[str, int]
