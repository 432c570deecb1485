"""The composition root of the worker: the only place that names concrete classes."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Self

import uvloop

from services.runtime import logs, stderr
from services.runtime.early_signals import EarlySignals
from services.runtime.interpreter import garbage
from services.runtime.metrics import LostLogLines, served
from services.runtime.reloading import Reloading
from services.runtime.signals import StopSignals, on_hangup
from services.runtime.startup import CannotStart
from services.runtime.tracing.opening import tracing
from services.worker.artifacts import open_sink
from services.worker.artifacts.store_check import StoreCheck
from services.worker.child import entry
from services.worker.metrics import WorkerMetrics
from services.worker.queue.grpc_queue import connected
from services.worker.scratch import Scratch
from services.worker.settings import WorkerSettings
from services.worker.starting import Begun
from services.worker.supervisor.attempt import PreviewTimes, WorkerContext
from services.worker.supervisor.engine import Engine
from services.worker.supervisor.pool import Pool
from services.worker.world import World


def main(begun: Begun, early: EarlySignals) -> int:
    """Run until told to stop, and return the exit code. Raises CannotStart."""
    uvloop.run(_main(begun, early))
    return 0


async def _main(begun: Begun, early: EarlySignals) -> None:
    stop = StopSignals().install(early)
    files = Reloading((begun.sources.reload,))
    if stop.drain.is_set():
        return
    with on_hangup(files.ask, early):
        async with await _built(begun) as worker:
            garbage.spare_present()
            reloading = asyncio.create_task(files.run())
            await run(worker, stop)
            reloading.cancel()


async def _built(begun: Begun) -> "Worker":
    try:
        return await build(begun, World())
    except OSError as problem:  # an error of something that no setting names
        raise CannotStart(str(problem)) from problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker that is ready to run. As a context, it releases all resources at the end."""

    id: str
    settings: WorkerSettings
    context: WorkerContext
    resources: AsyncExitStack

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.resources.aclose()


async def build(begun: Begun, world: World) -> Worker:
    """Start the children and serve metrics. No work is taken yet. Raises CannotStart."""
    settings, worker_id, metrics = begun.settings, world.new_id(), WorkerMetrics()
    logs.get().info("worker_starting", worker_id=worker_id, queue=settings.queue_address, slots=settings.slots)
    async with AsyncExitStack() as stack:
        stack.enter_context(served(settings.metrics, metrics.registry, "EXPORTD_WORKER_METRICS"))
        tracer = await stack.enter_async_context(tracing(settings.tracing, world.monotonic, worker_id))
        sink, scratch = open_sink(settings.artifacts), Scratch(settings.scratch, worker_id)
        # callbacks run in reverse order, once the children are dead
        for last in (sink.close, sink.sweep, scratch.close):
            stack.push_async_callback(asyncio.to_thread, last)
        pool = Pool(settings.slots, entry.run, partial(entry.warm_up, settings.log_format), begun.preload)
        metrics.registry.register(LostLogLines(lambda: stderr.lost_lines() + pool.lost_lines))
        context = WorkerContext(
            queue=await stack.enter_async_context(connected(settings.queue_address, worker_id, settings.credentials)),
            pool=await stack.enter_async_context(pool),
            artifacts=settings.artifacts,
            sink=sink,
            scratch=scratch,
            store=StoreCheck(sink, world),
            metrics=metrics,
            world=world,
            sources=begun.sources,
            no_progress_timeout_s=settings.no_progress_timeout.total_seconds(),
            orphan_timeout_s=settings.orphan_timeout.total_seconds(),
            threads=settings.threads,
            previews=PreviewTimes(),
            tracer=tracer,
        )
        return Worker(id=worker_id, settings=settings, context=context, resources=stack.pop_all())


async def run(worker: Worker, stop: StopSignals) -> None:
    """Work until `stop`, then drain."""
    context, settings = worker.context, worker.settings
    swept = await asyncio.to_thread(lambda: [*context.sink.sweep(), *context.scratch.sweep()])
    logs.get().info("worker_ready", swept=len(swept))
    await Engine(context, settings.slots, settings.drain_grace, stop).run()
    logs.get().info("worker_stopped", worker_id=worker.id)
