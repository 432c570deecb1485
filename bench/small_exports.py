"""Measures many exports of ten rows, from the first create until all are COMPLETED, compared with no-op jobs."""

import asyncio
import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import psutil
import psycopg

from bench import report
from bench.caller import IN_FLIGHT
from bench.checks import WrongOutput
from bench.no_op_jobs import SLOTS
from bench.peer import NotMeasured
from bench.places import started
from bench.processor_time import Watched
from bench.report import Result, compared
from bench.servers import output_of
from bench.service import Service, finished
from bench.stores import current
from demo.postgres import postgres
from exportd_client import Export, ExportClient, ExportdError

_EXPORTS, _JOBS = 200, 400
_TURNS = 3
_ROWS = 10
_GOAL = report.at_least(1.0)
_NAME = "small_exports"
_PEER = "procrastinate's no-op jobs on PostgreSQL"
PROCRASTINATE, PGQUEUER = "bench.no_op_jobs", "bench.pgqueuer_jobs"
"""Programs that run no-op jobs of other queues."""


@dataclass(frozen=True, slots=True)
class Burst:
    """The result of `count` exports or jobs. `processor_s` has the processor seconds of each program."""

    count: int
    seconds: float
    processor_s: dict[str, float]

    @property
    def per_s(self) -> float:
        """The number per second of elapsed time."""
        return self.count / self.seconds

    @property
    def processor_ms(self) -> float:
        """The processor time of all programs together, per export or job."""
        return sum(self.processor_s.values()) * 1000 / self.count

    @property
    def costs(self) -> str:
        """The milliseconds of each program, per export or job."""
        return ", ".join(
            f"{name} {seconds * 1000 / self.count:.1f}" for name, seconds in self.processor_s.items() if seconds
        )


def small_exports() -> Iterator[Result]:
    """Compare by elapsed time and by processor time."""
    try:
        with Service("csv", slots=SLOTS) as service, no_op_jobs() as (jobs, url):
            _exported(service, IN_FLIGHT)  # the first ones fill the caches
            turns = [(_exported(service, _EXPORTS), worked(jobs, url)) for _ in range(_TURNS)]
    except NotMeasured as problem:
        yield report.not_measured(_NAME, "exports/s", _GOAL, str(problem))
        return
    ours, peer = (max(side, key=lambda burst: burst.per_s) for side in zip(*turns, strict=True))
    yield compared(_NAME, "exports/s", ours.per_s, peer.per_s, _PEER, None, _GOAL)
    ours, peer = (min(side, key=lambda burst: burst.processor_ms) for side in zip(*turns, strict=True))
    costs = f"the same; ms of the processor for one: ours {ours.costs}; theirs {peer.costs}"
    yield compared(
        f"{_NAME}_processor",
        "exports/processor s",
        1000 / ours.processor_ms,
        1000 / peer.processor_ms,
        costs,
        None,
        _GOAL,
    )


# ---- exports


def _exported(service: Service, count: int) -> Burst:
    """Measure exports. Raises NotMeasured if one is refused or fails, WrongOutput if a file is not as announced."""
    watched, since = Watched(service.processes), datetime.now(UTC)
    try:
        seconds, processor_s = watched.during(lambda: asyncio.run(_burst(service.target, count)))
        exports = asyncio.run(_listed(service.target, since))
    except ExportdError as refused:
        raise NotMeasured(str(refused)[:300]) from refused
    _check(exports, count, service.data)
    return Burst(count, seconds, processor_s)


async def _burst(target: str, count: int) -> float:
    """Return how many seconds the exports took.

    The last ones created end last, except for what the slots do in parallel.
    """
    async with ExportClient(target) as client:
        begun = time.perf_counter()
        for export_id in (await _created(client, count))[-2 * SLOTS :]:
            await finished(client, export_id)
        return time.perf_counter() - begun


async def _created(client: ExportClient, count: int) -> list[str]:
    left = iter(range(count))

    async def one_after_the_other() -> list[str]:
        return [(await client.create("/few", format="csv")).id for _ in left]

    return sorted(chain.from_iterable(await asyncio.gather(*(one_after_the_other() for _ in range(IN_FLIGHT)))))


async def _listed(target: str, since: datetime) -> list[Export]:
    async with ExportClient(target) as client:
        return [export async for export in client.list(created_after=since)]


def _check(exports: Sequence[Export], count: int, data: Path) -> None:
    """Check that each export is COMPLETED, and that its file exists with its rows and its sha256.

    Raises WrongOutput.
    """
    completed = {export.file.sha256: export for export in exports if export.state == Export.STATE_COMPLETED}
    files = [content for export in exports for content in current().files_of(data, export.id)]
    if not len(exports) == len(files) == count:
        raise WrongOutput(f"{count} exports made {len(exports)} rows of the list and {len(files)} files")
    for content in files:
        if hashlib.sha256(content).hexdigest() not in completed or content.count(b"\n") != _ROWS + 1:
            raise WrongOutput(f"a file is not what an export says, or has not {_ROWS} rows")


# ---- jobs of other queues


@contextmanager
def no_op_jobs(program: str = PROCRASTINATE) -> Iterator[tuple[Watched, str]]:
    """Run a server and a worker of another queue; yield their processes and the URL of the database.

    Raises NotMeasured.
    """
    with started("PostgreSQL", postgres()) as url:
        command = [sys.executable, "-m", program, "worker", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as worker:  # noqa: S603
            assert worker.stdout is not None
            try:
                if worker.stdout.readline() != "ready\n":
                    raise NotMeasured(f"the worker of {program} did not start")
                yield Watched({"worker": worker.pid, "PostgreSQL": _server_of(url)}), url
            finally:
                worker.terminate()


def worked(jobs: Watched, url: str, program: str = PROCRASTINATE, count: int = _JOBS) -> Burst:
    """Measure jobs of a queue whose worker is running. Raises NotMeasured."""
    command = [sys.executable, "-m", program, "defer", url, str(count)]
    seconds, processor_s = jobs.during(lambda: float(output_of(command)))
    return Burst(count, seconds, processor_s)


def _server_of(url: str) -> int:
    """Return the process id of the parent of the processes that serve connections."""
    with psycopg.connect(url) as database:
        above = psutil.Process(database.info.backend_pid).parent()
    if above is None:
        raise NotMeasured("PostgreSQL has no process above its connections")
    return above.pid
