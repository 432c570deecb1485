"""The composition root of the worker: the only place that names concrete classes."""

import asyncio
import sys
from collections.abc import MutableMapping
from functools import partial
from uuid import uuid4

import prometheus_client
import uvloop

from services.runtime import logs, metrics
from services.runtime.signals import StopSignals
from services.runtime.startup import CannotStart
from services.worker import environment
from services.worker.artifacts.folder import ArtifactFolder
from services.worker.artifacts.store_check import StoreCheck
from services.worker.child import dispatch as work
from services.worker.child import warm_up as warm
from services.worker.metrics import WorkerMetrics
from services.worker.queue.grpc_queue import connected
from services.worker.settings import WorkerSettings, from_env
from services.worker.sources.settings import load, read_mask_key
from services.worker.sources.sources import Sources
from services.worker.supervisor.attempt import WorkerContext
from services.worker.supervisor.engine import Engine
from services.worker.supervisor.pool import Pool


def main(environ: MutableMapping[str, str]) -> int:
    """Run until told to stop; the exit code. What may be a secret is removed from `environ`."""
    try:
        settings = from_env(environ)
        sources = Sources(load(settings.sources, environ), read_mask_key(settings.mask_key))
    except CannotStart as reason:
        sys.stderr.write(f"{reason}\n")
        return 2
    environment.forget(environ)
    environment.limit_threads(environ)
    logs.configure("worker", settings.log_format)
    uvloop.run(serve(settings, sources))
    return 0


async def serve(settings: WorkerSettings, sources: Sources) -> None:
    """Everything that lives as long as the worker."""
    stop = StopSignals().install()
    worker_id = str(uuid4())
    registry = prometheus_client.CollectorRegistry()
    folder = ArtifactFolder(settings.artifacts, worker_id)
    pool = Pool(settings.slots, work.run, partial(warm.up, settings.log_format), [work.__name__])
    logs.get().info("worker_starting", worker_id=worker_id, queue=settings.queue_address, slots=settings.slots)
    with metrics.served(settings.metrics, registry):
        async with pool, connected(settings.queue_address, worker_id) as queue:
            context = WorkerContext(
                queue=queue,
                pool=pool,
                folder=folder,
                store=StoreCheck(folder),
                metrics=WorkerMetrics(registry),
                sources=sources,
                no_progress_timeout_s=settings.no_progress_timeout.total_seconds(),
                orphan_timeout_s=settings.orphan_timeout.total_seconds(),
            )
            await _serve(Engine(context, settings.slots, settings.drain_grace, stop), folder)
    logs.get().info("worker_stopped", worker_id=worker_id)


async def _serve(engine: Engine, folder: ArtifactFolder) -> None:
    swept = await asyncio.to_thread(folder.sweep)
    logs.get().info("worker_ready", swept=len(swept))
    try:
        await engine.run()
    finally:
        await asyncio.to_thread(folder.close)
