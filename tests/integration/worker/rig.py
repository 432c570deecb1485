"""A worker without its process: the real engine, real children, a folder, and the queue in memory."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from services.contract.formats import Format, Packaging
from services.contract.spec import (
    AttachmentSpec,
    ColumnSpec,
    ColumnType,
    JobSpec,
    Kind,
    OrderTerm,
    Relation,
    SourceRef,
    TableOptions,
)
from services.contract.store import MARKER
from services.runtime.signals import StopSignals
from services.worker.artifacts import open_sink
from services.worker.artifacts.settings import FolderStore
from services.worker.artifacts.store_check import StoreCheck
from services.worker.concurrency.threads import THREADS
from services.worker.metrics import WorkerMetrics
from services.worker.scratch import Scratch
from services.worker.sources.kind import SourceSettings
from services.worker.sources.live import LiveSources
from services.worker.sources.sources import Sources
from services.worker.supervisor.attempt import PreviewTimes, WorkerContext
from services.worker.supervisor.engine import Engine
from services.worker.supervisor.pool import Pool
from services.worker.world import World
from tests.integration.worker import child_jobs
from tests.integration.worker.memory_queue import MemoryQueue

STORE = "5d9c4d0a-3f0e-4c58-9a5c-5a7b1f6f4c11"
ROWS = [(1, "one"), (2, 'two, "quoted"'), (3, None)]
SPEC = JobSpec(
    collection="numbers",
    source=SourceRef("db", "sql"),
    relation=Relation(table="numbers"),
    key=("id",),
    columns=(
        ColumnSpec("id", "id", "Id", ColumnType(Kind.INTEGER)),
        ColumnSpec("name", "name", "Name", ColumnType(Kind.TEXT)),
    ),
    order=(OrderTerm("id"),),
    table=TableOptions(Format.CSV),
    table_name="numbers",
)


def named(misdeed: str) -> JobSpec:
    """A job that does this in its child."""
    return replace(SPEC, collection=misdeed)


def bundled() -> JobSpec:
    """Each row has an attachment, and the file of row 3 is not there."""
    attachment = AttachmentSpec("number.txt", SourceRef("files", "folder"), "{id}.txt")
    return replace(SPEC, attachments=(attachment,), packaging=Packaging.AUTO)


@dataclass
class Rig:
    """One worker and what it works with. Change its fields before `working`."""

    root: Path
    sources: dict[str, SourceSettings]
    queue: MemoryQueue
    slots: int = 2
    drain_grace_s: float = 10.0
    no_progress_s: float = 300.0  # longer than any test waits for what something else must end
    orphan_s: float = 300.0
    worker_id: str = "worker-1"
    stop: StopSignals = field(default_factory=StopSignals)
    metrics: WorkerMetrics = field(default_factory=WorkerMetrics)
    world: World = field(default_factory=World)
    engine: Engine | None = None

    @asynccontextmanager
    async def working(self, run=child_jobs.run) -> AsyncIterator[None]:
        """The worker runs until the block ends, and drains then."""
        artifacts = FolderStore(self.root)
        sink, scratch = open_sink(artifacts), Scratch(self.root / ".scratch", self.worker_id)
        async with Pool(self.slots, run, child_jobs.warm, ["services.worker.child.job"]) as pool:
            context = WorkerContext(
                self.queue,
                pool,
                artifacts,
                sink,
                scratch,
                StoreCheck(sink, self.world),
                self.metrics,
                self.world,
                LiveSources(lambda: Sources(self.sources)),
                self.no_progress_s,
                self.orphan_s,
                THREADS,
                PreviewTimes(rows_s=30, count_s=30),  # a caller waits for seconds only; a busy machine has time here
            )
            self.engine = Engine(context, self.slots, timedelta(seconds=self.drain_grace_s), self.stop)
            running = asyncio.create_task(self.engine.run())
            try:
                yield
                self.stop.drain.set()
                await running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                scratch.close()

    def let_go(self) -> None:
        """Let jobs of `run_when_let_go` begin."""
        child_jobs.gate_of(self.root).touch()

    def files(self) -> list[str]:
        """Every file in the store but its marker and locks."""
        # Unlike rglob, os.walk skips a folder that a worker removes meanwhile.
        found = (Path(folder, name) for folder, _, names in os.walk(self.root) for name in names)
        return sorted(str(p.relative_to(self.root)) for p in found if p.name not in (MARKER, "lock"))
