"""Constructs the parts of an api from its settings and its state. No other module names so many concrete classes."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from services.api import key_sources
from services.api.background.erasure import Erasure
from services.api.background.reaper import Reaper
from services.api.background.retention import Retention
from services.api.catalog.live import LiveCatalog
from services.api.domain.notifications import Channel
from services.api.live.parts import Live, Needs, alone
from services.api.metrics import ApiMetrics
from services.api.notify.notifier import Notifier, NotifierLimits
from services.api.notify.schedule import Sender
from services.api.notify.targets import Targets
from services.api.oidc.settings import OidcSettings
from services.api.persistence import Persistence
from services.api.ports.store import Store
from services.api.requests.plan import Planner
from services.api.rpc.audit.lists import AuditLists
from services.api.rpc.export_service import ExportServicer
from services.api.rpc.gate import CallersGate, WorkersGate
from services.api.rpc.key_service import KeyServicer
from services.api.rpc.links.admission import LinkAdmission
from services.api.rpc.links.link_service import LinkServicer
from services.api.rpc.links.pace import LinkPace
from services.api.rpc.operator_service import OperatorServicer
from services.api.rpc.pages import Pages
from services.api.rpc.queue.queue_service import JobQueueServicer
from services.api.rpc.server import Gates, Servers, Servicers
from services.api.secrets.keys import KeyDigests
from services.api.secrets.page_tokens import PageTokens
from services.api.secrets.passwords import Passwords
from services.api.settings import ApiSettings
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
from services.runtime import stderr
from services.runtime.metrics import LostLogLines
from services.runtime.tracing.serving import ForcedTraces, Serving
from services.runtime.tracing.tracer import NO_TRACER, Tracer

if TYPE_CHECKING:
    from services.api.oidc.parts import OidcParts


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


def _live(settings: ApiSettings, world: World, tenants: LiveTenants, kept: Persistence) -> Live:
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


class Parts:
    """The shared parts of an api, and the construction of all others."""

    def __init__(
        self,
        settings: ApiSettings,
        world: World,
        tenants: LiveTenants,
        catalog: LiveCatalog,
        kept: Persistence,
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
            JobQueueServicer(
                jobs,
                self.live.preview_desk,
                self._world.clock,
                self._settings.leases.inspection_wait,
                self._tracer,
            ),
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
