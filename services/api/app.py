"""Opens, runs and ends an api."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import uvloop

from services.api.background.retention import Retention
from services.api.catalog.live import LiveCatalog
from services.api.domain.keys import Holder
from services.api.notify.senders import senders_of
from services.api.notify.signing import CallbackSecrets
from services.api.parts import Api, Parts
from services.api.persistence import opened_persistence
from services.api.ports.figures import QueueFigures
from services.api.ports.keys import KeyStore
from services.api.rpc.export_service import MAX_DOWNLOADS, MAX_WATCHES
from services.api.rpc.server import Listening
from services.api.settings import ApiSettings
from services.api.steady_clock import SteadyClock
from services.api.tenants import LiveTenants
from services.api.world import World
from services.runtime import logs, resources
from services.runtime.early_signals import EarlySignals
from services.runtime.interpreter import garbage
from services.runtime.metrics import served
from services.runtime.processes.parent import tell_parent
from services.runtime.reloading import Reloading
from services.runtime.resources import Kept
from services.runtime.settings import is_loopback
from services.runtime.signals import StopSignals, on_hangup
from services.runtime.startup import CannotStart, check_free
from services.runtime.tasks.ending import end_tasks
from services.runtime.tracing.opening import tracing
from services.tls.server import ServerCertificates

SPARE_FILES = 256
"""Open files besides those of calls: libraries, the database, and connections of callers with short calls."""

OPEN_FILES = MAX_WATCHES + 2 * MAX_DOWNLOADS + SPARE_FILES
"""Each watch and each download may have its own connection, and each download has a file, too."""

KEPT_MEMORY = Kept(block_bytes=4 << 20, free_bytes=16 << 20)
"""Each piece of a download allocates and frees three blocks of one mebibyte."""


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


async def _built(settings: ApiSettings) -> Api:
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
        state = await opened_persistence(settings, tenants, world, stack)
        store, world = state.opened.store, state.opened.world
        await _check_credentials(settings, store.keys)
        await _go_on_from(store.figures, world)
        parts = Parts(settings, world, tenants, catalog, state, tracer=tracer)
        retention = Retention(
            store.retention, state.artifacts, parts.metrics, settings.retention, world, duties=parts.live.duties
        )
        await retention.check_store()
        secrets = CallbackSecrets(state.keys, tenants.callback_secrets)
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
