"""The api put together: the only place that names concrete classes."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from uuid import uuid4

from uuid6 import uuid7

from services.api import metrics, tenants
from services.api.background.reaper import Reaper
from services.api.background.retention import Retention
from services.api.catalog.live import LiveCatalog
from services.api.domain.notifications import Channel
from services.api.live.announcements import Announcements
from services.api.live.preview_desk import PreviewDesk
from services.api.live.workers import Workers
from services.api.notify.callback import CallbackSender
from services.api.notify.mailing import MailSender
from services.api.notify.notifier import Notifier
from services.api.notify.schedule import Sender
from services.api.notify.settings import NotifySettings
from services.api.notify.signing import CallbackSecrets
from services.api.notify.targets import Targets
from services.api.requests.plan import Planner
from services.api.rpc.export_service import ExportServicer
from services.api.rpc.operator_service import OperatorServicer
from services.api.rpc.queue_service import JobQueueServicer
from services.api.rpc.server import Servers
from services.api.secrets.page_tokens import PageTokens
from services.api.secrets.passwords import Passwords
from services.api.settings import ApiSettings
from services.api.storage.artifacts.folder import FolderArtifactStore
from services.api.storage.datadir import DataDirectory
from services.api.storage.sql.outbox import SqliteOutbox
from services.api.storage.sql.retention import SqliteRetentionStore
from services.api.storage.sql.store import SqliteExportStore
from services.api.storage.sqlite.database import SqliteDatabase
from services.api.usecases.downloads import Downloads
from services.api.usecases.exports import Exports
from services.api.usecases.jobs import Jobs
from services.api.usecases.operations import Operations
from services.api.usecases.publication import Publication
from services.runtime import logs
from services.runtime.metrics import served
from services.runtime.signals import StopSignals


async def serve(settings: ApiSettings, stop: StopSignals, started: Callable[[int, int], None]) -> None:
    """Serve until `stop`; `started` is told both ports. Raises CannotStart, OSError."""
    catalog = LiveCatalog(settings.catalog)
    shares = tenants.load(settings.tenants)
    async with AsyncExitStack() as stack:
        stack.enter_context(_on_hangup(catalog.reload))
        directory = stack.enter_context(DataDirectory.open(settings.data_dir))
        secret = directory.secret_key(settings.secret_key_file)
        artifacts = FolderArtifactStore.in_folder(settings.artifacts)
        database = await stack.enter_async_context(await SqliteDatabase.open(directory.database))
        store = SqliteExportStore(database, settings.leases, shares.fairness)
        outbox, preview_desk = SqliteOutbox(database), PreviewDesk()
        announcements, workers, passwords = Announcements(capped=shares.fairness.caps), Workers(_now), Passwords(secret)
        exports = Exports(
            store=store,
            figures=store,
            outbox=outbox,
            announcements=announcements,
            workers=workers,
            catalog=catalog,
            planner=Planner(catalog, Targets(settings.notify), secret, passwords, lambda: str(uuid7())),
            page_tokens=PageTokens(secret),
            preview_desk=preview_desk,
            fairness=shares.fairness,
            passwords=passwords,
            clock=_now,
        )
        jobs = Jobs(
            leases=store,
            store_id=artifacts.store_id,
            publication=Publication(artifacts, lambda: str(uuid4())),
            passwords=passwords,
            announcements=announcements,
            workers=workers,
            policy=settings.leases,
            backoff=settings.backoff,
            clock=_now,
        )
        operations = Operations(
            figures=store,
            outbox=outbox,
            announcements=announcements,
            workers=workers,
            fairness=shares.fairness,
            clock=_now,
        )
        servers = Servers(
            ExportServicer(exports, Downloads(store, artifacts, _now)),
            OperatorServicer(exports, operations),
            JobQueueServicer(jobs, preview_desk),
        )
        reaper = Reaper(jobs, store, _now, quiet_s=settings.leases.ttl.total_seconds(), ready=servers.ready)
        retention = Retention(SqliteRetentionStore(database), artifacts, _now, settings.retention)
        await retention.check_store()
        secrets = CallbackSecrets(secret, shares.callback_secrets)
        senders = await stack.enter_async_context(_senders(settings.notify, secrets))
        notifier = Notifier(outbox, senders, _now, hold=settings.notify.hold, woken=announcements.notifications_due)
        stack.enter_context(served(settings.metrics, metrics.REGISTRY))
        started(*await servers.start(settings.listen, settings.queue_listen))
        async with notifier.running(settings.drain_grace.total_seconds(), stop.now):
            async with _running(reaper.run(), retention.run()):
                await stop.drain.wait()
            preview_desk.drain()
            await _drain(servers, announcements, stop, settings.drain_grace.total_seconds())
    logs.get().info("stopped")


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


@contextmanager
def _on_hangup(do: Callable[[], None]) -> Iterator[None]:
    """SIGHUP does this, in the running loop, until the context ends."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, do)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


async def _drain(servers: Servers, announcements: Announcements, stop: StopSignals, grace_s: float) -> None:
    logs.get().info("draining", grace_s=grace_s)
    announcements.drain()
    stopping = asyncio.create_task(servers.stop(grace_s))
    now = asyncio.create_task(stop.now.wait())
    await asyncio.wait([stopping, now], return_when=asyncio.FIRST_COMPLETED)
    now.cancel()
    if not stopping.done():
        await servers.stop(0)
    await stopping


@asynccontextmanager
async def _senders(settings: NotifySettings, secrets: CallbackSecrets) -> AsyncIterator[dict[Channel, Sender]]:
    """One for each channel that is set up."""
    tls = settings.tls()
    callbacks = CallbackSender(settings.callbacks, secrets, _now, timeout=settings.callback_timeout, tls=tls)
    async with callbacks:
        senders: dict[Channel, Sender] = {Channel.CALLBACK: callbacks}
        if settings.mail:
            senders[Channel.EMAIL] = MailSender(settings.mail, _now, tls=tls)
        yield senders


def _now() -> datetime:
    return datetime.now(UTC)
