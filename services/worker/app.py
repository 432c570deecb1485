"""The composition root of the worker: the only place that names concrete classes."""

import asyncio
import sys
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Self

import uvloop

from services.runtime import logs
from services.runtime.metrics import served
from services.runtime.ownership import check_owner
from services.runtime.signals import StopSignals
from services.runtime.startup import CannotStart
from services.worker import environment
from services.worker.artifacts import open_sink
from services.worker.artifacts.store_check import StoreCheck
from services.worker.child import dispatch, warm_up
from services.worker.metrics import WorkerMetrics
from services.worker.queue.grpc_queue import connected
from services.worker.scratch import Scratch
from services.worker.settings import WorkerSettings, from_env
from services.worker.sources.settings import load, read_mask_key
from services.worker.sources.sources import Sources
from services.worker.supervisor.attempt import PreviewTimes, WorkerContext
from services.worker.supervisor.engine import Engine
from services.worker.supervisor.pool import Pool
from services.worker.world import World


def main(environ: MutableMapping[str, str]) -> int:
    """Run until told to stop; the exit code, 2 when it cannot start. What may be a secret is removed from `environ`."""
    try:
        settings = from_env(environ)
        for folder in (settings.artifacts.root, settings.scratch):
            check_owner(folder)
        sources = Sources(load(settings.sources, environ), read_mask_key(settings.mask_key))
        environment.forget(environ)
        environment.limit_threads(environ)
        logs.configure("worker", settings.log_format)
        uvloop.run(_run(settings, sources))
    except CannotStart as problem:
        sys.stderr.write(f"exportd-worker cannot start:\n{problem}\n")
        return 2
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker that is ready to run. A context, which gives everything back."""

    id: str
    settings: WorkerSettings
    context: WorkerContext
    resources: AsyncExitStack

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.resources.aclose()


async def build(settings: WorkerSettings, sources: Sources, world: World) -> Worker:
    """Start the children and show figures; no work is taken yet. Raises CannotListen."""
    worker_id, metrics = world.new_id(), WorkerMetrics()
    logs.get().info("worker_starting", worker_id=worker_id, queue=settings.queue_address, slots=settings.slots)
    async with AsyncExitStack() as stack:
        stack.enter_context(served(settings.metrics, metrics.registry))
        sink, scratch = open_sink(settings.artifacts), Scratch(settings.scratch, worker_id)
        for last in (sink.close, sink.sweep, scratch.close):  # the last one first, once the children are dead
            stack.push_async_callback(asyncio.to_thread, last)
        pool = Pool(settings.slots, dispatch.run, partial(warm_up.up, settings.log_format), [dispatch.__name__])
        context = WorkerContext(
            queue=await stack.enter_async_context(connected(settings.queue_address, worker_id)),
            pool=await stack.enter_async_context(pool),
            artifacts=settings.artifacts,
            sink=sink,
            scratch=scratch,
            store=StoreCheck(sink, world),
            metrics=metrics,
            world=world,
            sources=sources,
            no_progress_timeout_s=settings.no_progress_timeout.total_seconds(),
            orphan_timeout_s=settings.orphan_timeout.total_seconds(),
            previews=PreviewTimes(),
        )
        return Worker(id=worker_id, settings=settings, context=context, resources=stack.pop_all())


async def run(worker: Worker, stop: StopSignals) -> None:
    """Work until `stop`, and drain."""
    context, settings = worker.context, worker.settings
    swept = await asyncio.to_thread(lambda: [*context.sink.sweep(), *context.scratch.sweep()])
    logs.get().info("worker_ready", swept=len(swept))
    await Engine(context, settings.slots, settings.drain_grace, stop).run()
    logs.get().info("worker_stopped", worker_id=worker.id)


async def _run(settings: WorkerSettings, sources: Sources) -> None:
    stop = StopSignals().install()
    async with await build(settings, sources, World()) as worker:
        await run(worker, stop)
