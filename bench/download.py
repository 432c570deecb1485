"""Measures downloads compared with a bare stream of the same file, and the cost of stalled downloads.

One file is downloaded in turns: DownloadFile by a bare reader, the bare stream by the same reader, and
ExportClient.download to a file. Elapsed time and processor time are measured. The first download of the file is
reported separately: it is slower, because the api must first verify the file. Other load on the machine slows all of
them in elapsed time; a slow program needs more processor time per MB.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bench import report
from bench.access import Access
from bench.bare_stream import METHOD
from bench.checks import WrongOutput
from bench.peer import NotMeasured, peak_mb
from bench.report import Goal, Result
from bench.service import Service
from bench.stream_reader import Asked, Read
from bench.workload import folder, parts
from exportd.v1.export_service_pb2 import DownloadFileRequest
from exportd_client import Export, ExportClient

_PARTS = 3
"""785 MB as JSON Lines."""
_ROUNDS = 5
_STREAM, _CLIENT = report.at_least(0.9), report.at_least(0.6)
_STALLED = 200
_TAKEN_BYTES = 4 << 20
"""How much each reader takes before it stalls: enough for the pieces to reach their largest size."""
_CALLS = 1000
_GROWTH_MB, _SLOWER = 64, 2.0
_STALLED_GOAL = Goal(f"<= {_GROWTH_MB} MB and p99 <= {_SLOWER:g} x", lambda *_: False)
_NAMES = ("download_vs_stream", "client_download_vs_stream")


@dataclass(frozen=True, slots=True)
class Ran:
    """One download: elapsed seconds, and processor seconds of the sending and of the reading process."""

    seconds: float
    sent_cpu_s: float
    read_cpu_s: float


def download() -> Iterator[Result]:
    """Measure with a service of its own and one file."""
    try:
        parts(folder() / "rows", _PARTS)
        with Service("jsonl") as service:
            done = service.completed(_PARTS)
            yield _stalled(service, done)
            yield from _beside(service, done)
    except NotMeasured as problem:
        goals = {"stalled_downloads": _STALLED_GOAL, _NAMES[0]: _STREAM, _NAMES[1]: _CLIENT}
        yield from (report.not_measured(name, "MB/s", goal, str(problem)) for name, goal in goals.items())


def _beside(service: Service, done: Export) -> Iterator[Result]:
    with bare(service.stored(done)) as (pid, target):
        stream = Asked(target, METHOD, done.file.size_bytes)
        first = run((service.processes["api"],), asked_of(service.target, done), done)
        best = best_in_turns({
            "api": lambda: run((service.processes["api"],), asked_of(service.target, done), done),
            "client": lambda: run((service.processes["api"],), _to_file(service, done), done),
            "peer": lambda: run((pid,), stream, done),
        })  # fmt: skip
    size_mb = done.file.size_bytes / 1e6
    yield report.alone("download_first", "MB/s", size_mb / first.seconds, peak_mb(service.processes["api"]))
    yield from _judged(_NAMES[0], done, service, best, best["api"], _STREAM, _sent_s)
    yield from _judged(_NAMES[1], done, service, best, best["client"], _CLIENT, _both_s)


def best_in_turns(runs: dict[str, Callable[[], Ran]]) -> dict[str, Ran]:
    """Return the smallest value of each figure. Larger values are caused by the machine, not by the program."""
    found: dict[str, list[Ran]] = {name: [] for name in runs}
    for _ in range(_ROUNDS):
        for name, run in runs.items():
            found[name].append(run())
    return {
        name: Ran(min(r.seconds for r in ran), min(r.sent_cpu_s for r in ran), min(r.read_cpu_s for r in ran))
        for name, ran in found.items()
    }


def _judged(  # noqa: PLR0917
    name: str,
    done: Export,
    service: Service,
    best: dict[str, Ran],
    ours: Ran,
    goal: Goal,
    cpu: Callable[[Ran], float],
) -> Iterator[Result]:
    """Compare by elapsed time, and by processor time as counted by `cpu`."""
    size_mb, rss_mb, peer = done.file.size_bytes / 1e6, peak_mb(service.processes["api"]), best["peer"]
    beside = f"ms a MB: {_costs(ours, size_mb)}; a bare grpc.aio stream: {_costs(peer, size_mb)}"
    yield report.compared(name, "MB/s", size_mb / ours.seconds, size_mb / peer.seconds, beside, rss_mb, goal)
    rates = size_mb / cpu(ours), size_mb / cpu(peer)
    yield report.compared(f"{name}_cpu", "MB/CPU s", *rates, "the same runs", rss_mb, goal)


def _sent_s(ran: Ran) -> float:
    return ran.sent_cpu_s


def _both_s(ran: Ran) -> float:
    return ran.sent_cpu_s + ran.read_cpu_s


def _costs(ran: Ran, size_mb: float) -> str:
    return f"{ran.sent_cpu_s / size_mb * 1e3:.2f} to send, {ran.read_cpu_s / size_mb * 1e3:.2f} to read"


def asked_of(target: str, done: Export) -> Asked:
    """Return the download of an export's file by DownloadFile."""
    request = DownloadFileRequest(export_id=done.id).SerializeToString().hex()
    method = "/exportd.v1.ExportService/DownloadFile"
    return Asked(target, method, done.file.size_bytes, request, framed=True)


def _to_file(service: Service, done: Export) -> Asked:
    path = folder() / "out" / "downloaded"
    path.parent.mkdir(exist_ok=True)
    return Asked(service.target, done.id, done.file.size_bytes, path=str(path))


def run(
    senders: Sequence[int],
    asked: Asked,
    done: Export,
    reader: str = "bench.stream_reader",
    access: Access = Access(),  # noqa: B008 - frozen
) -> Ran:
    """Run one download by a reader, which is a module. Raises WrongOutput, NotMeasured."""
    os.sync()
    before = sum(map(_cpu_s, senders))
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-m", reader],
        env=access.environ,
        input=json.dumps(asdict(asked)),
        capture_output=True,
        text=True,
        check=False,
    )
    sent_cpu_s = sum(map(_cpu_s, senders)) - before
    if ran.returncode:
        raise NotMeasured((ran.stderr.strip() or "no word").splitlines()[-1][:300])
    read = Read(**json.loads(ran.stdout))
    if read.sha256 != done.file.sha256:
        raise WrongOutput(f"{asked.method}: its sha256 is {read.sha256}, that of the file {done.file.sha256}")
    return Ran(read.seconds, sent_cpu_s, read.cpu_s)


@contextmanager
def bare(path: Path) -> Iterator[tuple[int, str]]:
    """Run the peer; yield its process id and its address."""
    with _talking("bench.bare_stream", str(path)) as (process, said):
        yield process.pid, f"127.0.0.1:{said}"


@contextmanager
def _stalled_readers(asked: Asked) -> Iterator[None]:
    with _talking("bench.stalled_readers", str(_STALLED), str(_TAKEN_BYTES), told=json.dumps(asdict(asked))):
        yield


@contextmanager
def _talking(module: str, *arguments: str, told: str = "") -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run a process and yield it with the first line of its output. Raises NotMeasured."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdin
        assert process.stdout
        process.stdin.write(told + "\n")
        process.stdin.flush()
        said = process.stdout.readline().strip()
        if not said:
            raise NotMeasured(f"{module} ended at once")
        yield process, said


def _stalled(service: Service, done: Export) -> Result:
    """Measure the growth of the api's memory, and the slowest calls, without and with many stalled readers."""
    _p99_ms(service, done)  # the first calls fill the caches
    asked, before_mb, most_mb = asked_of(service.target, done), _rss_mb(service), 0.0
    p99s: list[tuple[float, float]] = []
    for _ in range(2):
        idle = _p99_ms(service, done)
        with _stalled_readers(asked):
            _at_rest(service)
            p99s.append((idle, _p99_ms(service, done)))
            most_mb = max(most_mb, _rss_mb(service))
    grown_mb = most_mb - before_mb
    idle, stalled = (min(column) for column in zip(*p99s, strict=True))
    beside = f"{_STALLED} readers; GetExport p99 {stalled:.2f} ms, with none {idle:.2f}, {stalled / idle:.2f} x"
    ok = grown_mb <= _GROWTH_MB and stalled <= _SLOWER * idle
    return report.judged("stalled_downloads", "MB more", grown_mb, _STALLED_GOAL.text, ok=ok, beside=beside)


def _at_rest(service: Service) -> None:
    """Wait until the api has filled the flow-control windows and has nothing to do."""
    for _ in range(100):
        before = _cpu_s(service.processes["api"])
        time.sleep(0.2)
        if _cpu_s(service.processes["api"]) - before < 0.02:
            return


def _p99_ms(service: Service, done: Export) -> float:
    return sorted(asyncio.run(_calls_s(service.target, done.id)))[_CALLS * 99 // 100] * 1000


async def _calls_s(target: str, export_id: str) -> list[float]:
    """Make calls one after the other, and return the seconds of each."""
    async with ExportClient(target) as client:
        return [await _call_s(client, export_id) for _ in range(_CALLS)]


async def _call_s(client: ExportClient, export_id: str) -> float:
    started = time.perf_counter()
    await client.get(export_id)
    return time.perf_counter() - started


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _rss_mb(service: Service) -> float:
    return psutil.Process(service.processes["api"]).memory_info().rss / 1e6
