"""The servers that are called from a separate process: the api without a worker, and a bare server."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.access import Access
from bench.caller import IN_FLIGHT, TENANT
from bench.peer import NotMeasured
from bench.places import parquet_files
from bench.processor_time import Watched
from bench.service import configure
from bench.stores import current
from demo.processes import DidNotStart, installed, start_api

_H2LOAD_S = 2
_HEADERS = [
    argument
    for header in ("content-type: application/grpc", "te: trailers", f"x-exportd-tenant: {TENANT}")
    for argument in ("-H", header)
]


@dataclass(frozen=True, slots=True)
class Called:
    """The results of one turn of calls.

    `processor_ms` is the server's processor time per call. `waits_ms` are the median and the 99th percentile. `ids` are
    the ids of the exports in the answers.
    """

    calls_per_s: float
    processor_ms: float
    waits_ms: tuple[float, float]
    ids: Sequence[str]


class Server:
    """A server that listens on `target`."""

    def __init__(self, target: str, pid: int, access: Access = Access()) -> None:  # noqa: B008 - frozen
        self.target = target
        self.pid = pid
        self.access = access
        self._watched = Watched({"server": pid})

    def called(self, method: str, seconds: float, ids: Sequence[str]) -> Called:
        """Make calls; see bench.caller. Raises NotMeasured if a call fails."""
        command = [sys.executable, "-m", "bench.caller", self.target, method, str(seconds), *ids]
        told, took = self._watched.during(lambda: json.loads(output_of(command, self.access.environ)))
        processor_ms = took["server"] * 1000 / told["calls"]
        return Called(told["calls"] / told["seconds"], processor_ms, told["waits_ms"], told["ids"])

    def called_by_h2load(self, method: str, request: bytes) -> float | None:
        """Return the calls per second of h2load, a client with little overhead; None if it is not installed."""
        if not shutil.which("h2load"):
            return None
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"\0" + len(request).to_bytes(4, "big") + request)
            file.flush()
            url = f"http://{self.target}/exportd.v1.ExportService/{method}"
            said = output_of(
                ["h2load", "-D", str(_H2LOAD_S), "-c", "1", "-m", str(IN_FLIGHT), "-d", file.name, *_HEADERS, url]
            )
        found = re.search(r"([0-9.]+) req/s", said)
        if found is None or ", 0 failed" not in said:
            raise NotMeasured(f"h2load: {said.strip()[-200:]}")
        return float(found[1])


@contextmanager
def api(directory: Path) -> Iterator[Server]:
    """Run an api without a worker, with its data below `directory`; exports stay QUEUED. Raises NotMeasured."""
    configure(directory, "csv", parquet_files())
    data = directory / "data"
    settings = current().settings(data)
    try:
        process = start_api(directory / "catalog.toml", data, "127.0.0.1:0", "127.0.0.1:0", begin=installed, **settings)
    except DidNotStart as problem:
        raise NotMeasured(str(problem).strip().splitlines()[-1][-300:]) from problem
    try:
        yield Server(f"127.0.0.1:{process.first_line['port']}", process.pid)
    finally:
        process.terminate()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def echo(answer: bytes) -> Iterator[Server]:
    """Run a bare server that answers everything with `answer`."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(answer)
        file.flush()
        with subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "bench.echo", file.name], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            try:
                yield Server(f"127.0.0.1:{int(process.stdout.readline())}", process.pid)
            finally:
                process.terminate()


def output_of(command: list[str], environ: Mapping[str, str] | None = None) -> str:
    """Return the output of a program. Raises NotMeasured with the last line of its errors."""
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise NotMeasured(f"{command[0]}: {(done.stderr.strip() or 'no word').splitlines()[-1][:300]}")
    return done.stdout
