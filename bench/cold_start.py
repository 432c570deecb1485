"""Measures how long programs take to start.

The api is measured until it serves, a worker until it has taken its first job, and `exportctl --help` until it has
ended.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from bench import report
from bench.places import parquet_files
from bench.report import Goal, Result
from bench.service import configure, finished
from bench.stores import current
from bench.turns import guarded
from bench.workload import folder
from demo.processes import ServiceProcess, installed, start_api, start_worker
from exportd_client import ExportClient

_TIMES = 5
_GOALS_S = {"api": 0.6, "worker": 1.2, "exportctl": 0.15}


def cold_start() -> Iterator[Result]:
    """Return the median of several starts of each program.

    The first start, which also writes bytecode, is not counted.
    """
    for program, measure in (("api", _api), ("worker", _worker), ("exportctl", _exportctl)):
        goal = Goal(f"<= {_GOALS_S[program]:g} s", lambda *_: False)
        yield guarded(f"cold_start_{program}", goal, lambda p=program, m=measure: _judged(p, m), "s")  # type: ignore[misc]


def _judged(program: str, measure: Callable[[], float]) -> Result:
    measure()
    seconds = sorted(measure() for _ in range(_TIMES))
    middle, goal_s = median(seconds), _GOALS_S[program]
    beside = f"from {seconds[0]:.2f} to {seconds[-1]:.2f}"
    return report.judged(f"cold_start_{program}", "s", middle, f"<= {goal_s:g} s", ok=middle <= goal_s, beside=beside)


def _api() -> float:
    """Return the seconds of a start with an existing database."""
    directory = _configured()
    begun = time.perf_counter()
    api = _api_of(directory)
    seconds = time.perf_counter() - begun
    api.terminate()
    return seconds


def _worker() -> float:
    """Return the seconds of a start with a waiting job."""
    directory = _configured()
    api = _api_of(directory)
    try:
        return asyncio.run(_first_job(directory, api.first_line))
    finally:
        api.terminate()


def _api_of(directory: Path) -> ServiceProcess:
    data = directory / "data"
    settings = current().settings(data)
    return start_api(directory / "catalog.toml", data, "127.0.0.1:0", "127.0.0.1:0", begin=installed, **settings)


async def _first_job(directory: Path, ports: dict[str, int]) -> float:
    async with ExportClient(f"127.0.0.1:{ports['port']}") as client:
        made = await client.create("/few", format="csv")
        begun = time.time()
        settings = current().settings(directory / "data")
        sources, data, queue = directory / "sources.toml", directory / "data", f"127.0.0.1:{ports['queue_port']}"
        worker = await asyncio.to_thread(start_worker, sources, data, queue, begin=installed, **settings)
        try:
            return (await finished(client, made.id)).start_time.ToNanoseconds() / 1e9 - begun
        finally:
            await asyncio.to_thread(worker.terminate)


def _exportctl() -> float:
    begun = time.perf_counter()
    subprocess.run([Path(sys.executable).with_name("exportctl"), "--help"], check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - begun


def _configured() -> Path:
    """Return the directory of these measurements, which the first one creates."""
    directory = folder() / "cold-start"
    if not directory.exists():
        configure(directory, "csv", parquet_files())
    return directory
