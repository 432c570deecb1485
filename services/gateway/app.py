"""Assembles the gateway. This is the only module that names concrete classes."""

import asyncio
import secrets
from collections.abc import Callable
from functools import partial

import uvloop

from services.gateway.descriptions.door import DescriptionDoor
from services.gateway.http.bodies import Bodies
from services.gateway.http.certificates import HttpsCertificates
from services.gateway.http.credentials import Credentials
from services.gateway.http.doors import Surroundings
from services.gateway.http.health import Health
from services.gateway.http.server import HttpServer
from services.gateway.links.door import LinkDoor
from services.gateway.metrics import GatewayMetrics
from services.gateway.native.door import NativeDoor
from services.gateway.settings import GatewaySettings
from services.gateway.syntage.door import SyntageDoor
from services.gateway.upstream.api import Api
from services.gateway.xdent.door import XdentDoor
from services.runtime import logs, resources, stderr
from services.runtime.early_signals import EarlySignals
from services.runtime.interpreter import garbage
from services.runtime.metrics import LostLogLines, served
from services.runtime.processes.parent import tell_parent
from services.runtime.resources import Kept
from services.runtime.signals import StopSignals, on_hangup
from services.runtime.startup import CannotStart
from services.runtime.tracing.opening import tracing
from services.runtime.tracing.serving import ForcedTraces, Serving

SPARE_FILES = 64
"""Open files besides those of connections: the log, the channel to the api, metrics."""

KEPT_MEMORY = Kept(block_bytes=4 << 20, free_bytes=16 << 20)
"""Each piece of a download allocates and frees blocks of one mebibyte."""


def main(settings: GatewaySettings, early: EarlySignals) -> int:
    """Run until stopped, and return the exit code. Raises CannotStart."""
    of_process = {} if settings.process is None else {"process": settings.process}
    logs.configure("gateway", settings.log_format, **of_process)
    resources.raise_limit_of_files(settings.limits.connections + SPARE_FILES)
    resources.keep_memory(KEPT_MEMORY)
    uvloop.run(_main(settings, early))
    return 0


async def _main(settings: GatewaySettings, early: EarlySignals) -> None:
    stop = StopSignals().install(early)
    if settings.process is not None:
        stop.when_stdin_ends()
    if stop.drain.is_set():
        return
    await run(settings, stop, partial(_serving, settings), early)


def _serving(settings: GatewaySettings, port: int) -> None:
    logs.get().info("serving", port=port)
    if settings.process is not None:
        tell_parent()


async def run(
    settings: GatewaySettings, stop: StopSignals, started: Callable[[int], None], early: EarlySignals | None = None
) -> None:
    """Serve until `stop`. `started` is called with the port. Raises CannotStart."""
    _check_tls(settings)
    monotonic = asyncio.get_running_loop().time
    async with tracing(settings.tracing, monotonic) as tracer:
        chance = secrets.SystemRandom().random
        serving = Serving(tracer, ForcedTraces(monotonic, chance, settings.tracing.share), begins=True)
        await _serve(settings, stop, started, early, serving)
    logs.get().info("stopped")


async def _serve(
    settings: GatewaySettings,
    stop: StopSignals,
    started: Callable[[int], None],
    early: EarlySignals | None,
    serving: Serving,
) -> None:
    metrics = GatewayMetrics()
    metrics.registry.register(LostLogLines(stderr.lost_lines))
    certificates = HttpsCertificates(settings.tls, "EXPORTD_GATEWAY_TLS_CERTIFICATE") if settings.tls else None
    api = Api(settings.api, settings.call_timeout.total_seconds())
    server = HttpServer(settings.limits, metrics, serving)
    open_doors(settings, api, server, metrics)
    metrics.follow(lambda: server.connections, lambda: api.is_reached and not server.draining.is_set())
    with on_hangup(_ignore, early), served(settings.metrics, metrics.registry, "EXPORTD_GATEWAY_METRICS"):
        async with api:
            context = certificates.context() if certificates else None
            shared = settings.process is not None
            started(await server.start(settings.listen, "EXPORTD_GATEWAY_LISTEN", context, shared=shared))
            garbage.spare_present()
            await stop.drain.wait()
            await _drain(settings, server, stop)


def open_doors(settings: GatewaySettings, api: Api, server: HttpServer, metrics: GatewayMetrics) -> None:
    """Add every route to the application of the server."""
    surroundings = Surroundings(
        api=api,
        credentials=Credentials(is_local=settings.is_local),
        bodies=Bodies(settings.limits.body.total_seconds()),
        metrics=metrics,
        draining=server.draining,
    )
    for door in (Health, NativeDoor, LinkDoor, SyntageDoor, XdentDoor):
        door(surroundings).add_routes(server.application)
    DescriptionDoor().add_routes(server.application)


def _check_tls(settings: GatewaySettings) -> None:
    try:
        settings.api.credentials()
    except OSError as unusable:
        raise CannotStart(
            f"EXPORTD_TLS_AUTHORITY, EXPORTD_TLS_CLIENT_CERTIFICATE, EXPORTD_TLS_CLIENT_KEY: {unusable}"
        ) from unusable


async def _drain(settings: GatewaySettings, server: HttpServer, stop: StopSignals) -> None:
    grace_s = settings.drain_grace.total_seconds()
    logs.get().info("draining", grace_s=grace_s)
    await server.stop(grace_s, stop.now)


def _ignore() -> None:
    """Do nothing at SIGHUP, whose default would end the process: certificates are read again by themselves."""
