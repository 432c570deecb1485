"""The composition root of the worker: the only place that names concrete classes."""

import asyncio
from collections.abc import Mapping, MutableMapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Self

import uvloop

from services.runtime import logs, resources, stderr
from services.runtime.early_signals import EarlySignals
from services.runtime.metrics import LostLogLines, served
from services.runtime.ownership import check_owner
from services.runtime.reloading import Reloading
from services.runtime.signals import StopSignals, on_hangup
from services.runtime.startup import CannotStart, check_folder, using
from services.worker import environment
from services.worker.artifacts import open_sink
from services.worker.artifacts.settings import FolderStore
from services.worker.artifacts.store_check import StoreCheck
from services.worker.child import entry
from services.worker.metrics import WorkerMetrics
from services.worker.queue.grpc_queue import connected
from services.worker.scratch import Scratch
from services.worker.settings import WorkerSettings, from_env
from services.worker.sources.live import LiveSources
from services.worker.sources.settings import load, read_mask_key
from services.worker.sources.sources import Sources
from services.worker.supervisor.attempt import PreviewTimes, WorkerContext
from services.worker.supervisor.engine import Engine
from services.worker.supervisor.pool import Pool
from services.worker.world import World

OPEN_FILES = 1024
"""Number of files that the largest jobs have open at the same time, with some to spare."""


def main(environ: MutableMapping[str, str], early: EarlySignals) -> int:
    """Run until told to stop, and return the exit code.

    Possible secrets are removed from `environ`. Raises CannotStart.
    """
    settings = from_env(environ)
    _check_folders(settings)
    sources = LiveSources(partial(_sources, settings, dict(environ)))
    environment.forget(environ)
    environment.limit_threads(environ)
    logs.configure("worker", settings.log_format)
    resources.raise_limit_of_files(OPEN_FILES)
    uvloop.run(_main(settings, sources, early))
    return 0


def _check_folders(settings: WorkerSettings) -> None:
    """Check that the folders belong to this user and can be written to. Raises CannotStart."""
    folders = [("EXPORTD_SCRATCH", settings.scratch)]
    if isinstance(settings.artifacts, FolderStore):
        folders.insert(0, ("EXPORTD_ARTIFACTS", settings.artifacts.root))
    for setting, folder in folders:
        with using(setting, folder):
            check_owner(folder)
        check_folder(folder, setting)


async def _main(settings: WorkerSettings, sources: LiveSources, early: EarlySignals) -> None:
    stop = StopSignals().install(early)
    files = Reloading((sources.reload,))
    if stop.drain.is_set():
        return
    with on_hangup(files.ask, early):
        async with await _built(settings, sources) as worker:
            resources.spare_collections()
            reloading = asyncio.create_task(files.run())
            await run(worker, stop)
            reloading.cancel()


async def _built(settings: WorkerSettings, sources: LiveSources) -> "Worker":
    try:
        return await build(settings, sources, World())
    except OSError as problem:  # an error of something that no setting names
        raise CannotStart(str(problem)) from problem


def _sources(settings: WorkerSettings, environ: Mapping[str, str]) -> Sources:
    """Read the sources from the files. `environ` has the secrets as of the start. Raises FileError."""
    return Sources(load(settings.sources, environ), read_mask_key(settings.mask_key))


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


async def build(settings: WorkerSettings, sources: LiveSources, world: World) -> Worker:
    """Start the children and serve metrics. No work is taken yet. Raises CannotStart."""
    worker_id, metrics = world.new_id(), WorkerMetrics()
    logs.get().info("worker_starting", worker_id=worker_id, queue=settings.queue_address, slots=settings.slots)
    async with AsyncExitStack() as stack:
        stack.enter_context(served(settings.metrics, metrics.registry, "EXPORTD_WORKER_METRICS"))
        sink, scratch = open_sink(settings.artifacts), Scratch(settings.scratch, worker_id)
        # callbacks run in reverse order, once the children are dead
        for last in (sink.close, sink.sweep, scratch.close):
            stack.push_async_callback(asyncio.to_thread, last)
        preloaded = [*entry.MODULES, *sources.current.modules]
        pool = Pool(settings.slots, entry.run, partial(entry.warm_up, settings.log_format), preloaded)
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
            sources=sources,
            no_progress_timeout_s=settings.no_progress_timeout.total_seconds(),
            orphan_timeout_s=settings.orphan_timeout.total_seconds(),
            threads=settings.threads,
            previews=PreviewTimes(),
        )
        return Worker(id=worker_id, settings=settings, context=context, resources=stack.pop_all())


async def run(worker: Worker, stop: StopSignals) -> None:
    """Work until `stop`, then drain."""
    context, settings = worker.context, worker.settings
    swept = await asyncio.to_thread(lambda: [*context.sink.sweep(), *context.scratch.sweep()])
    logs.get().info("worker_ready", swept=len(swept))
    await Engine(context, settings.slots, settings.drain_grace, stop).run()
    logs.get().info("worker_stopped", worker_id=worker.id)
