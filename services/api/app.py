"""The api put together: the only place that names concrete classes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self

from services.api import tenants
from services.api.background.erasure import Erasure
from services.api.background.reaper import Reaper
from services.api.background.retention import Retention
from services.api.catalog.live import LiveCatalog
from services.api.domain.notifications import Channel
from services.api.live.announcements import LocalAnnouncements
from services.api.live.detached_tasks import LocalDetachedTasks
from services.api.live.preview_desk import LocalPreviewDesk
from services.api.live.workers import LocalWorkers
from services.api.metrics import ApiMetrics
from services.api.notify.notifier import Notifier, NotifierLimits
from services.api.notify.schedule import Sender
from services.api.notify.senders import senders_of
from services.api.notify.signing import CallbackSecrets
from services.api.notify.targets import Targets
from services.api.ports.artifacts import ArtifactStore
from services.api.ports.live import Announcements, DetachedTasks, PreviewDesk
from services.api.ports.store import Store
from services.api.requests.plan import Planner
from services.api.rpc.export_service import ExportServicer
from services.api.rpc.operator_service import OperatorServicer
from services.api.rpc.queue_service import JobQueueServicer
from services.api.rpc.server import Servers
from services.api.secrets.page_tokens import PageTokens
from services.api.secrets.passwords import Passwords
from services.api.settings import ApiSettings
from services.api.storage.artifacts.folder import FolderArtifactStore
from services.api.storage.datadir import DataDirectory, secret_key
from services.api.storage.sql.stores import sql_store
from services.api.storage.sqlite.database import SqliteDatabase
from services.api.tenants import Tenants
from services.api.usecases.downloads import Downloads
from services.api.usecases.exports import Exports
from services.api.usecases.jobs import Jobs
from services.api.usecases.operations import Operations
from services.api.usecases.publication import Publication
from services.api.world import World
from services.runtime import logs
from services.runtime.metrics import served
from services.runtime.ownership import own_folder
from services.runtime.signals import StopSignals, on_hangup


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """An api that is ready to run. A context, which gives everything back."""

    settings: ApiSettings
    catalog: LiveCatalog
    store: Store
    announcements: Announcements
    preview_desk: PreviewDesk
    detached: DetachedTasks
    servers: Servers
    reaper: Reaper
    retention: Retention
    erasure: Erasure
    notifier: Notifier
    metrics: ApiMetrics
    resources: AsyncExitStack

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.resources.aclose()


async def build(settings: ApiSettings, world: World) -> Api:
    """Open and check everything; nothing is served yet. Raises CannotStart, OSError."""
    catalog, shares = LiveCatalog(settings.catalog), tenants.load(settings.tenants)
    async with AsyncExitStack() as stack:
        kept = await _kept(settings, shares, stack)
        parts = _Parts(settings, world, shares, catalog, kept)
        retention = Retention(kept.store.retention, kept.artifacts, parts.metrics, settings.retention, world)
        await retention.check_store()
        secrets = CallbackSecrets(kept.secret, shares.callback_secrets)
        senders = await stack.enter_async_context(senders_of(settings.notify, secrets, world.clock))
        return parts.api(retention, senders, stack.pop_all())


async def run(api: Api, stop: StopSignals, started: Callable[[int, int], None]) -> None:
    """Serve until `stop`; `started` is told both ports. Raises CannotListen."""
    settings, grace_s = api.settings, api.settings.drain_grace.total_seconds()
    with on_hangup(api.catalog.reload), served(settings.metrics, api.metrics.registry):
        started(*await api.servers.start(settings.listen, settings.queue_listen))
        async with api.notifier.running(grace_s, stop.now):
            async with _running(api.reaper.run(), api.retention.run(), api.erasure.run()):
                await stop.drain.wait()
            await _drain(api, stop, grace_s)
    logs.get().info("stopped")


def callback_secrets(settings: ApiSettings) -> CallbackSecrets:
    """What callbacks are signed with, while an api runs or not.

    Makes the data directory's key when there is none yet. Raises CannotStart, OSError.
    """
    own_folder(settings.data_dir)
    key = secret_key(settings.data_dir, settings.secret_key_file)
    return CallbackSecrets(key, tenants.load(settings.tenants).callback_secrets)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept on disk. `secret` is the server's key."""

    secret: bytes
    artifacts: ArtifactStore
    store: Store


async def _kept(settings: ApiSettings, shares: Tenants, stack: AsyncExitStack) -> _Kept:
    directory = stack.enter_context(DataDirectory.open(settings.data_dir))
    secret = directory.secret_key(settings.secret_key_file)
    artifacts = FolderArtifactStore.in_folder(settings.artifacts)
    database = await stack.enter_async_context(await SqliteDatabase.open(directory.database))
    return _Kept(secret, artifacts, sql_store(database, settings.leases, shares.fairness))


class _Parts:
    """What the parts of an api share, and each part made of it."""

    def __init__(self, settings: ApiSettings, world: World, shares: Tenants, catalog: LiveCatalog, kept: _Kept) -> None:
        self._settings = settings
        self._world = world
        self._fairness = shares.fairness
        self._catalog = catalog
        self._secret = kept.secret
        self._artifacts = kept.artifacts
        self._store = kept.store
        self.metrics = ApiMetrics()
        self._announcements = LocalAnnouncements(capped=shares.fairness.caps)
        self._workers = LocalWorkers(world.clock, kept.artifacts.store_id)
        self._detached = LocalDetachedTasks()
        self._passwords = Passwords(kept.secret)
        waits = settings.waits
        self._preview_desk = LocalPreviewDesk(
            world.new_id, taken_within_s=waits.preview_taken_s, answered_within_s=waits.preview_answered_s
        )

    def api(self, retention: Retention, senders: Mapping[Channel, Sender], resources: AsyncExitStack) -> Api:
        jobs, leases = self._jobs(), self._settings.leases
        servers = self._servers(jobs)
        self.metrics.follow(lambda: self._announcements.polls_waiting, lambda: self._preview_desk.waiting)
        return Api(
            settings=self._settings,
            catalog=self._catalog,
            store=self._store,
            announcements=self._announcements,
            preview_desk=self._preview_desk,
            detached=self._detached,
            servers=servers,
            reaper=Reaper(
                jobs,
                self._store.figures,
                self.metrics,
                self._world,
                quiet_s=leases.ttl.total_seconds(),
                ready=servers.ready,
            ),
            retention=retention,
            erasure=Erasure(self._store.retention),
            notifier=self._notifier(senders),
            metrics=self.metrics,
            resources=resources,
        )

    def _servers(self, jobs: Jobs) -> Servers:
        exports = self._exports()
        downloads = Downloads(self._store.exports, self._artifacts, self._world.clock)
        return Servers(
            ExportServicer(exports, downloads, self.metrics, self._world),
            OperatorServicer(exports, self._operations()),
            JobQueueServicer(jobs, self._preview_desk),
            self.metrics,
            self._world,
        )

    def _exports(self) -> Exports:
        return Exports(
            store=self._store.exports,
            figures=self._store.figures,
            outbox=self._store.outbox,
            announcements=self._announcements,
            workers=self._workers,
            catalog=self._catalog,
            planner=self._planner(),
            page_tokens=PageTokens(self._secret),
            preview_desk=self._preview_desk,
            detached=self._detached,
            fairness=self._fairness,
            passwords=self._passwords,
            world=self._world,
            keepalive_s=self._settings.waits.keepalive_s,
        )

    def _planner(self) -> Planner:
        receivers = Targets(self._settings.notify)
        return Planner(self._catalog, receivers, self._secret, self._passwords, self._world.new_export_id)

    def _jobs(self) -> Jobs:
        return Jobs(
            leases=self._store.leases,
            store_id=self._artifacts.store_id,
            publication=Publication(self._artifacts, self._world.new_id),
            passwords=self._passwords,
            announcements=self._announcements,
            workers=self._workers,
            detached=self._detached,
            metrics=self.metrics,
            policy=self._settings.leases,
            backoff=self._settings.backoff,
            world=self._world,
        )

    def _operations(self) -> Operations:
        return Operations(
            figures=self._store.figures,
            outbox=self._store.outbox,
            announcements=self._announcements,
            workers=self._workers,
            fairness=self._fairness,
            clock=self._world.clock,
        )

    def _notifier(self, senders: Mapping[Channel, Sender]) -> Notifier:
        return Notifier(
            self._store.outbox,
            senders,
            self.metrics,
            self._world,
            hold=self._settings.notify.hold,
            woken=self._announcements.notifications_due,
            limits=NotifierLimits(),
        )


@asynccontextmanager
async def _running(*background: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """What goes on beside the calls, until the context ends."""
    tasks = [asyncio.create_task(work) for work in background]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _drain(api: Api, stop: StopSignals, grace_s: float) -> None:
    logs.get().info("draining", grace_s=grace_s)
    api.preview_desk.drain()
    api.announcements.drain()
    stopping = asyncio.create_task(api.servers.stop(grace_s))
    now = asyncio.create_task(stop.now.wait())
    await asyncio.wait([stopping, now], return_when=asyncio.FIRST_COMPLETED)
    now.cancel()
    if not stopping.done():
        await api.servers.stop(0)
    await stopping
    await api.detached.settled()  # what calls that were cut off had begun
