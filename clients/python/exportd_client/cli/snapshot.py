"""What exportctl top shows at one moment."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from exportd_client import ExportClient, Queue, RunningExport, Worker
from exportd_client.cli import tables
from exportd_client.cli.as_json import plain
from exportd_client.cli.lists import QUEUE, WORKERS, age, queue_row, short_count, workers_row
from exportd_client.cli.streams import ellipsis, printable
from exportd_client.cli.tables import Column
from exportd_client.cli.words import phase_of

RUNNING = (
    Column("RUNNING EXPORT"),
    Column("TENANT", flexible=True),
    Column("AGE", right=True),
    Column("PHASE"),
    Column("DONE", right=True),
    Column("LEFT", right=True),
    Column("TYPE", flexible=True),
)
MAX_RUNNING = 200
"""How many running exports are requested. More would not fit on any screen."""
MAX_WIDTH_CELLS = 1000
"""The width of lines that are not written to a terminal."""


@dataclass(frozen=True)
class Snapshot:
    """The queue and the running exports of all tenants, and the workers, at one time."""

    queue: Queue = field(default_factory=Queue)
    running: Sequence[RunningExport] = ()
    workers: Sequence[Worker] = ()
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def as_json(self) -> dict[str, Any]:
        """Return the snapshot for programs."""
        return {
            "time": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "queue": plain(self.queue),
            "running": [plain(export) for export in self.running],
            "workers": [plain(worker) for worker in self.workers],
        }

    def lines(self, width: int = MAX_WIDTH_CELLS, height: int | None = None, remark: str = "") -> Iterator[str]:
        """Yield the snapshot as text, with as many rows of each table as fit into `height` lines."""
        sections = [
            (QUEUE, [queue_row(part) for part in self.queue.tenants]),
            (RUNNING, [_running_row(export, self.time) for export in self.running]),
            (WORKERS, [workers_row(worker) for worker in self.workers]),
        ]
        yield tables.cut(self._summary(remark), width, ellipsis())
        room = None if height is None else height - 1 - 3 * len(sections)
        counts = shares([len(rows) for _, rows in sections], room)
        for (columns, rows), count in zip(sections, counts, strict=True):
            yield ""
            yield from _section(columns, rows, count, width)

    def _summary(self, remark: str) -> str:
        parts = self.queue.tenants
        queued, running, failed = (sum(getattr(p, name) for p in parts) for name in ("queued", "processing", "failed"))
        wait_s = self.queue.oldest_age.ToTimedelta().total_seconds()
        figures = f"{queued:,} queued, {running:,} running, {failed:,} to be retried, longest wait {wait_s:,.1f} s"
        return f"{self.time:%H:%M:%SZ}  {figures}" + (f"  ({remark})" if remark else "")


async def look(client: ExportClient) -> Snapshot:
    """Return a snapshot of this moment."""
    queue, running, workers = await asyncio.gather(client.operator.queue(), _running(client), client.operator.workers())
    return Snapshot(queue, running, workers)


def shares(counts: Sequence[int], room: int | None) -> list[int]:
    """Return how many of the `counts` rows of each table to show in `room` lines.

    Small tables are shown completely; the others get equal shares.
    """
    if room is None:
        return [*counts]
    given = [0] * len(counts)
    for _ in range(max(room, 0)):
        wanting = [place for place, count in enumerate(counts) if given[place] < count]
        if not wanting:
            break
        given[min(wanting, key=lambda place: given[place])] += 1
    return given


def _section(columns: Sequence[Column], rows: Sequence[Sequence[str]], count: int, width: int) -> Iterator[str]:
    shown = [[printable(cell) for cell in row] for row in rows[:count]]
    yield from tables.lines(columns, shown, width, ellipsis())
    if count < len(rows):
        yield f"{ellipsis()} {len(rows) - count:,} more"


async def _running(client: ExportClient) -> list[RunningExport]:
    exports: list[RunningExport] = []
    async with aclosing(client.operator.running(page_size=MAX_RUNNING)) as listed:
        async for export in listed:
            exports.append(export)
            if len(exports) == MAX_RUNNING:
                break
    return exports


def _running_row(export: RunningExport, now: datetime) -> tuple[str, ...]:
    progress = export.progress
    share = f"{100 * progress.rows_written / progress.rows_total:.0f}%" if progress.rows_total else ""
    return (
        export.export_id,
        export.tenant,
        age(export.start_time, now),
        phase_of(progress),
        share or short_count(progress.rows_written),
        f"{progress.eta.seconds:,}s" if progress.HasField("eta") else "-",
        export.type,
    )
