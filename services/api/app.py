"""Assembles the api. This is the only module that names concrete classes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import uvloop

from services.api import key_sources
from services.api.background.erasure import Erasure
from services.api.background.reaper import Reaper
from services.api.background.retention import Retention
from services.api.catalog.live import LiveCatalog
from services.api.domain.keys import Holder
from services.api.domain.notifications import Channel
from services.api.live.parts import Live, Needs, alone
from services.api.metrics import ApiMetrics
from services.api.notify.notifier import Notifier, NotifierLimits
from services.api.notify.schedule import Sender
from services.api.notify.senders import senders_of
from services.api.notify.signing import CallbackSecrets
from services.api.notify.targets import Targets
from services.api.oidc.settings import OidcSettings
from services.api.ports.artifacts import ArtifactStore
from services.api.ports.figures import QueueFigures
from services.api.ports.keys import KeyStore
from services.api.ports.store import Store
from services.api.requests.plan import Planner
from services.api.rpc.audit.lists import AuditLists
from services.api.rpc.export_service import MAX_DOWNLOADS, MAX_WATCHES, ExportServicer
from services.api.rpc.gate import CallersGate, WorkersGate
from services.api.rpc.key_service import KeyServicer
from services.api.rpc.links.admission import LinkAdmission
from services.api.rpc.links.link_service import LinkServicer
from services.api.rpc.links.pace import LinkPace
from services.api.rpc.operator_service import OperatorServicer
from services.api.rpc.pages import Pages
from services.api.rpc.queue.queue_service import JobQueueServicer
from services.api.rpc.server import Gates, Listening, Servers, Servicers
from services.api.secrets.keys import KeyDigests
from services.api.secrets.page_tokens import PageTokens
from services.api.secrets.passwords import Passwords
from services.api.secrets.server_keys import ServerKeys
from services.api.settings import ApiSettings
from services.api.steady_clock import SteadyClock
from services.api.storage.artifacts.folder import FolderArtifactStore
from services.api.storage.datadir import DataDirectory
from services.api.stores import OpenedStore, opened
from services.api.tenants import LiveTenants
from services.api.usecases.download_log import DownloadLog
from services.api.usecases.downloads import Downloads
from services.api.usecases.exports import Exports
from services.api.usecases.jobs import Jobs
from services.api.usecases.keys import Keys, KnownKeys
from services.api.usecases.linked_files import LinkedFiles
from services.api.usecases.links import KnownLinks, Links
from services.api.usecases.mail_links import MailLinks
from services.api.usecases.operations import Operations
from services.api.usecases.publication import Publication
from services.api.usecases.traces import ExportTraces
from services.api.world import World
from services.objects.settings import BucketStore
from services.runtime import logs, resources, stderr
from services.runtime.early_signals import EarlySignals
from services.runtime.interpreter import garbage
from services.runtime.metrics import LostLogLines, served
from services.runtime.processes.parent import tell_parent
from services.runtime.reloading import Reloading
from services.runtime.resources import Kept
from services.runtime.settings import is_loopback
from services.runtime.signals import StopSignals, on_hangup
from services.runtime.startup import CannotStart, check_free, using
from services.runtime.tasks.ending import end_tasks
from services.runtime.tracing.opening import tracing
from services.runtime.tracing.serving import ForcedTraces, Serving
from services.runtime.tracing.tracer import NO_TRACER, Tracer
from services.tls.server import ServerCertificates

if TYPE_CHECKING:
    from services.api.oidc.parts import OidcParts

SPARE_FILES = 256
"""Open files besides those of calls: libraries, the database, and connections of callers with short calls."""

OPEN_FILES = MAX_WATCHES + 2 * MAX_DOWNLOADS + SPARE_FILES
"""Each watch and each download may have its own connection, and each download has a file, too."""

KEPT_MEMORY = Kept(block_bytes=4 << 20, free_bytes=16 << 20)
"""Each piece of a download allocates and frees three blocks of one mebibyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """An api that is ready to run. It is a context that releases all its resources."""

    settings: ApiSettings
    catalog: LiveCatalog
    tenants: LiveTenants
    store: Store
    live: Live
    servers: Servers
    reaper: Reaper
    retention: Retention
    erasure: Erasure
    notifier: Notifier
    download_log: DownloadLog
    server_keys: key_sources.Following
    metrics: ApiMetrics
    beside: Callable[[], Sequence[Coroutine[None, None, None]]]
    resources: AsyncExitStack

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.resources.aclose()


def main(settings: ApiSettings, early: EarlySignals) -> int:
    """Run until stopped, and return the exit code. Raises CannotStart."""
    logs.configure("api", settings.log_format, **({} if settings.process is None else {"process": settings.process}))
    resources.raise_limit_of_files(OPEN_FILES)
    resources.keep_memory(KEPT_MEMORY)
    uvloop.run(_main(settings, early))
    return 0


async def _main(settings: ApiSettings, early: EarlySignals) -> None:
    stop = StopSignals().install(early)
    if settings.process is not None:
        stop.when_stdin_ends()
    if stop.drain.is_set():
        return
    async with await _built(settings) as api:
        garbage.spare_present()
        await run(api, stop, partial(_serving, settings), early)


def _serving(settings: ApiSettings, port: int, queue_port: int) -> None:
    logs.get().info("serving", port=port, queue_port=queue_port)
    if settings.process is not None:
        tell_parent()


async def _built(settings: ApiSettings) -> "Api":
    try:
        return await build(settings, World())
    except OSError as problem:  # a file that no setting names
        raise CannotStart(str(problem)) from problem


async def build(settings: ApiSettings, world: World) -> Api:
    """Open and check everything, without serving yet. Raises CannotStart, OSError."""
    catalog, tenants = LiveCatalog(settings.catalog), LiveTenants(settings.tenants)
    _check_ports(settings)
    _listening(settings)  # invalid certificates are reported before anything is created
    async with AsyncExitStack() as stack:
        tracer = await stack.enter_async_context(tracing(settings.tracing, world.monotonic))
        kept = await _kept(settings, tenants, world, stack)
        store, world = kept.opened.store, kept.opened.world
        await _check_credentials(settings, store.keys)
        await _go_on_from(store.figures, world)
        parts = _Parts(settings, world, tenants, catalog, kept, tracer=tracer)
        retention = Retention(
            store.retention, kept.artifacts, parts.metrics, settings.retention, world, duties=parts.live.duties
        )
        await retention.check_store()
        secrets = CallbackSecrets(kept.keys, tenants.callback_secrets)
        senders = await stack.enter_async_context(senders_of(settings.notify, secrets, world.wall, parts.mail_links()))
        return parts.api(retention, senders, stack.pop_all())


async def _go_on_from(figures: QueueFigures, world: World) -> None:
    """Set the clock to at least the last change in the store, in case the machine's clock was set back."""
    latest = await figures.latest()
    if latest and isinstance(world.clock, SteadyClock):
        world.clock.not_before(latest)


def _check_ports(settings: ApiSettings) -> None:
    """Check the ports before anything is created or migrated. Raises CannotListen."""
    if settings.process is None:  # else others listen there already
        check_free(settings.listen, "EXPORTD_LISTEN")
        check_free(settings.queue_listen, "EXPORTD_QUEUE_LISTEN")
    check_free(settings.metrics, "EXPORTD_API_METRICS")


async def run(
    api: Api, stop: StopSignals, started: Callable[[int, int], None], early: EarlySignals | None = None
) -> None:
    """Serve until `stop`. `started` is called with both ports. Raises CannotListen."""
    settings, grace_s = api.settings, api.settings.drain_grace.total_seconds()
    files = Reloading(
        (api.catalog.reload, api.tenants.reload, api.server_keys.reload), then=api.live.announcements.wake_polls
    )
    with on_hangup(files.ask, early), served(settings.metrics, api.metrics.registry, "EXPORTD_API_METRICS"):
        started(*await api.servers.start(*_listening(settings)))
        async with api.download_log.running(), api.notifier.running(grace_s, stop.now):
            calls = (each.run() for each in api.servers.open_calls)
            async with _running(
                api.reaper.run(),
                api.retention.run(),
                api.erasure.run(),
                api.server_keys.run(),
                files.run(),
                *calls,
                *api.beside(),
            ):
                await stop.drain.wait()
            await _drain(api, stop, grace_s)
    logs.get().info("stopped")


@dataclass(frozen=True, slots=True)
class _Kept:
    """The persistent state, and the server's keys."""

    keys: ServerKeys
    artifacts: ArtifactStore
    opened: OpenedStore


async def _kept(settings: ApiSettings, tenants: LiveTenants, world: World, stack: AsyncExitStack) -> _Kept:
    if settings.database is None:
        stack.enter_context(_data_directory(settings))
    keys = key_sources.opened(settings, world.monotonic)
    place = settings.artifacts
    if not isinstance(place, BucketStore):
        folder = _folder(place)  # before a database is made
        return _Kept(keys, folder, await opened(settings, tenants, keys, world, stack))
    store = await opened(settings, tenants, keys, world, stack)
    known = await store.store.retention.artifact_store()
    return _Kept(keys, await asyncio.to_thread(_bucket, place, known), store)


def _folder(place: Path) -> ArtifactStore:
    with using("EXPORTD_ARTIFACTS", place):
        return FolderArtifactStore.in_folder(place)


def _bucket(place: BucketStore, known: str) -> ArtifactStore:
    """`known`: what the database says which store it is, for one that does not answer now. Raises CannotStart."""
    from services.api.storage.artifacts.objects import ObjectArtifactStore  # noqa: PLC0415 - a folder needs none of it

    return ObjectArtifactStore.in_bucket(place, known)


async def _check_credentials(settings: ApiSettings, keys: KeyStore) -> None:
    """Check that callers beyond loopback must authenticate. Raises CannotStart."""
    others = {
        Holder.CALLER: settings.oidc is not None,
        Holder.WORKER: settings.queue_tls is not None and settings.queue_tls.authority is not None,
    }
    for name, address, holder, command in (
        ("EXPORTD_LISTEN", settings.listen, Holder.CALLER, "exportd-api keys create"),
        ("EXPORTD_QUEUE_LISTEN", settings.queue_listen, Holder.WORKER, "exportd-api keys create --worker"),
    ):
        if is_loopback(address) or others[holder] or await keys.any(holder):
            continue
        raise CannotStart(f"{name} is {address!r} and there is no key yet: make the first one by `{command}`")


def _listening(settings: ApiSettings) -> tuple[Listening, Listening]:
    """Return both ports. Raises CannotStart if certificates are invalid."""
    public, queue = (
        ServerCertificates(files, setting) if files else None
        for files, setting in (
            (settings.tls, "EXPORTD_TLS_CERTIFICATE"),
            (settings.queue_tls, "EXPORTD_QUEUE_TLS_CERTIFICATE"),
        )
    )
    return (
        Listening(settings.listen, "EXPORTD_LISTEN", public),
        Listening(settings.queue_listen, "EXPORTD_QUEUE_LISTEN", queue),
    )


def _data_directory(settings: ApiSettings) -> DataDirectory:
    with using("EXPORTD_DATA_DIR", settings.data_dir):
        return DataDirectory.open(settings.data_dir)


def _live(settings: ApiSettings, world: World, tenants: LiveTenants, kept: _Kept) -> Live:
    needs = Needs(
        clock=world.clock,
        monotonic=world.monotonic,
        random=world.random,
        new_id=world.new_id,
        audit=kept.opened.store.audit,
        store_id=kept.artifacts.store_id,
        capped=lambda: tenants.caps,
        ttl=settings.leases.ttl,
        preview_taken_s=settings.waits.preview_taken_s,
        preview_answered_s=settings.waits.preview_answered_s,
    )
    if kept.opened.shared is None:
        return alone(needs)
    from services.api.live.shared.parts import together  # noqa: PLC0415 - a process that is alone needs none of it

    return together(kept.opened.shared, kept.opened.store.exports, kept.keys, needs)


def _oidc(settings: OidcSettings, world: World) -> "OidcParts":
    from services.api.oidc.parts import oidc_parts  # noqa: PLC0415 - without a provider none of it is needed

    return oidc_parts(settings, world.wall, world.monotonic)


class _Parts:
    """The shared parts of an api, and the construction of all others."""

    def __init__(
        self,
        settings: ApiSettings,
        world: World,
        tenants: LiveTenants,
        catalog: LiveCatalog,
        kept: _Kept,
        *,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._settings = settings
        self._world = world
        self._tenants = tenants
        self._catalog = catalog
        self._keys = kept.keys
        self._artifacts = kept.artifacts
        self._store = kept.opened.store
        self._tracer, self._traces = tracer, ExportTraces(tracer)
        self._beside = kept.opened.beside
        self.metrics = ApiMetrics()
        self.metrics.registry.register(LostLogLines(stderr.lost_lines))
        self._passwords = Passwords(kept.keys)
        self._digests = KeyDigests(kept.keys)
        self._download_log = DownloadLog(self._store.audit, world.clock, world.new_id)
        self.live = _live(settings, world, tenants, kept)
        self._oidc = _oidc(settings.oidc, world) if settings.oidc else None

    def api(self, retention: Retention, senders: Mapping[Channel, Sender], resources: AsyncExitStack) -> Api:
        jobs, leases = self._jobs(), self._settings.leases
        servers = self._servers(jobs)
        self.metrics.follow(self.live.announcements, self.live.preview_desk, self.live.hears)
        return Api(
            settings=self._settings,
            catalog=self._catalog,
            tenants=self._tenants,
            store=self._store,
            live=self.live,
            servers=servers,
            reaper=Reaper(
                jobs,
                self._store.figures,
                self.live.duties,
                self.metrics,
                self._world,
                quiet_s=leases.ttl.total_seconds(),
                ready=servers.ready,
            ),
            retention=retention,
            erasure=Erasure(self._store.retention),
            download_log=self._download_log,
            notifier=self._notifier(senders),
            server_keys=key_sources.Following(self._settings, self._keys),
            metrics=self.metrics,
            beside=self._running_beside,
            resources=resources,
        )

    def _running_beside(self) -> Sequence[Coroutine[None, None, None]]:
        keys = (self._oidc.keys.run,) if self._oidc else ()
        return [each() for each in (*self._beside, *self.live.beside, *keys)]

    def _servers(self, jobs: Jobs) -> Servers:
        exports, pages = self._exports(), Pages(PageTokens(self._keys, self._world.wall))
        downloads = Downloads(
            self._store.exports,
            self._artifacts,
            self._store.audit,
            self._world.clock,
            self._settings.download_url_life,
        )
        links = Links(
            self._store.links,
            self._store.exports,
            downloads,
            digests=self._digests,
            clock=self._world.clock,
            policy=self._settings.links,
            quotas=self._tenants,
        )
        pace = LinkPace(self._world.monotonic)
        linked = LinkedFiles(self._store.links, downloads, self._digests, self._world.clock)
        servicers = Servicers(
            ExportServicer(
                exports, downloads, self._download_log, pages, self.metrics, self._world, pace, self._traces
            ),
            OperatorServicer(exports, self._operations(), AuditLists(self._store.audit, pages), pages),
            KeyServicer(Keys(self._store.keys, self._digests, self._world.clock), pages),
            LinkServicer(links, linked, pages, pace),
            JobQueueServicer(jobs, self.live.preview_desk, self._tracer),
        )
        return Servers(
            servicers,
            self._gates(),
            self.metrics,
            self._world,
            reflection=self._settings.reflection,
            connection_age=self._settings.connection_age,
            shares_ports=self._settings.process is not None,
            serving=self._serving(),
        )

    def _serving(self) -> Serving:
        forced = ForcedTraces(self._world.monotonic, self._world.random, self._settings.tracing.share)
        return Serving(self._tracer, forced, begins=True)

    def _gates(self) -> Gates:
        settings, world = self._settings, self._world
        keys = KnownKeys(self._store.keys, self._digests, world.clock, world.monotonic)
        links = LinkAdmission(KnownLinks(self._store.links, self._digests, world.clock, world.monotonic))
        by_certificate = settings.queue_tls is not None and settings.queue_tls.authority is not None
        tokens = self._oidc.tokens if self._oidc else None
        identities = self.live.worker_identities
        return Gates(
            CallersGate(keys, links, tokens),
            WorkersGate(keys, identities, settings.worker_names, by_certificate=by_certificate),
        )

    def _exports(self) -> Exports:
        return Exports(
            store=self._store.exports,
            figures=self._store.figures,
            outbox=self._store.outbox,
            announcements=self.live.announcements,
            workers=self.live.workers,
            catalog=self._catalog,
            planner=self._planner(),
            preview_desk=self.live.preview_desk,
            detached=self.live.detached,
            fairness=self._tenants,
            quotas=self._tenants,
            usage=self._store.usage,
            audit=self._store.audit,
            passwords=self._passwords,
            world=self._world,
            keepalive_s=self._settings.waits.keepalive_s,
        )

    def _planner(self) -> Planner:
        receivers = Targets(self._settings.notify, self._tenants, self._tenants)
        return Planner(self._catalog, receivers, self._keys, self._passwords, self._world.new_export_id)

    def _jobs(self) -> Jobs:
        return Jobs(
            leases=self._store.leases,
            store_id=self._artifacts.store_id,
            publication=Publication(self._artifacts, self._world.new_id),
            passwords=self._passwords,
            announcements=self.live.announcements,
            workers=self.live.workers,
            detached=self.live.detached,
            metrics=self.metrics,
            policy=self._settings.leases,
            backoff=self._settings.backoff,
            world=self._world,
            traces=self._traces,
        )

    def _operations(self) -> Operations:
        return Operations(
            figures=self._store.figures,
            outbox=self._store.outbox,
            announcements=self.live.announcements,
            workers=self.live.workers,
            fairness=self._tenants,
            clock=self._world.clock,
        )

    def mail_links(self) -> MailLinks:
        """Return what creates the links of mails."""
        return MailLinks(
            self._store.links,
            self._store.exports,
            digests=self._digests,
            passwords=self._passwords,
            clock=self._world.clock,
            policy=self._settings.links,
        )

    def _notifier(self, senders: Mapping[Channel, Sender]) -> Notifier:
        return Notifier(
            self._store.outbox,
            senders,
            self.metrics,
            self._world,
            hold=self._settings.notify.holds,
            woken=self.live.announcements.notifications_due,
            limits=NotifierLimits(),
            tracer=self._tracer,
        )


@asynccontextmanager
async def _running(*background: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Return a context in which the background work runs."""
    running = [asyncio.create_task(work) for work in background]
    try:
        yield
    finally:
        await end_tasks(*running)


async def _drain(api: Api, stop: StopSignals, grace_s: float) -> None:
    logs.get().info("draining", grace_s=grace_s)
    await api.live.duties.lay_down()
    api.live.preview_desk.drain()
    api.live.announcements.drain()
    stopping = asyncio.create_task(api.servers.stop(grace_s))
    now = asyncio.create_task(stop.now.wait())
    await asyncio.wait([stopping, now], return_when=asyncio.FIRST_COMPLETED)
    now.cancel()
    if not stopping.done():
        await api.servers.stop(0)
    await stopping
    await api.live.detached.settled()  # work that cut-off calls had begun
