"""Measures what TLS and API keys cost: calls and downloads of an api with both, beside one without, in turns."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import report
from bench.access import Access
from bench.caller import TENANT
from bench.download import asked_of, best_in_turns, run
from bench.peer import NotMeasured
from bench.places import parquet_files
from bench.report import Result, compared
from bench.servers import Called, Server
from bench.service import configure, finished
from bench.workload import folder, parts
from demo.processes import DidNotStart, ServiceProcess, installed, start_api, start_worker
from exportd_client import Export, ExportdError

_PARTS = 3
"""The rows of the downloaded file, in millions."""
_TURNS, _TURN_S = 5, 2.5
_CALLS, _DOWNLOAD = report.at_least(0.8), report.at_least(0.6)
_IDS = 500
_ANY = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class _Served:
    """An api without a worker, with one completed export."""

    server: Server
    done: Export


def secured() -> Iterator[Result]:
    """Measure by elapsed time and by processor time."""
    try:
        parts(folder() / "rows", _PARTS)
        with ExitStack() as stack:
            ours, plain = (stack.enter_context(_served(folder() / name, name == "secured")) for name in _NAMES)
            yield from _calls("create_secured_vs_plain", "CreateExport", ours.server, plain.server)
            yield from _calls("get_secured_vs_plain", "GetExport", ours.server, plain.server)
            yield from _downloads(ours, plain)
    except (NotMeasured, DidNotStart, ExportdError) as problem:
        yield report.not_measured("secured", "calls/s", _CALLS, str(problem)[-300:])


_NAMES = ("secured", "plain")


def _calls(name: str, method: str, ours: Server, plain: Server) -> Iterator[Result]:
    ids = [_ids(server) if method == "GetExport" else [] for server in (ours, plain)]
    turns = [
        [server.called(method, _TURN_S, some) for server, some in zip((ours, plain), ids, strict=True)]
        for _ in range(_TURNS)
    ]
    sides: Sequence[Sequence[Called]] = [*zip(*turns, strict=True)]
    per_s = [max(called.calls_per_s for called in side) for side in sides]
    costs = [min(called.processor_ms for called in side) for side in sides]
    beside = f"the same api without; a call takes {costs[0]:.2f} and {costs[1]:.2f} ms of its processor"
    yield compared(name, "calls/s", per_s[0], per_s[1], beside, None, _CALLS)
    rates = [1000 / cost for cost in costs]
    yield compared(f"{name}_processor", "calls/processor s", rates[0], rates[1], "the same turns", None, _CALLS)


def _ids(server: Server) -> list[str]:
    """Create exports to read."""
    return [*server.called("CreateExport", 1.0, []).ids][:_IDS]


def _downloads(ours: _Served, plain: _Served) -> Iterator[Result]:
    best = best_in_turns({
        name: lambda it=it: run([it.server.pid], asked_of(it.server.target, it.done), it.done, access=it.server.access)  # type: ignore[misc]
        for name, it in zip(_NAMES, (ours, plain), strict=True)
    })  # fmt: skip
    size_mb = ours.done.file.size_bytes / 1e6
    rates = [size_mb / best[name].seconds for name in _NAMES]
    yield compared("download_secured_vs_plain", "MB/s", rates[0], rates[1], "the same api without", None, _DOWNLOAD)
    costs = [best[name].sent_cpu_s + best[name].read_cpu_s for name in _NAMES]
    beside = "the same downloads, processor time of api and reader"
    rates = [size_mb / cost for cost in costs]
    yield compared("download_secured_vs_plain_cpu", "MB/CPU s", rates[0], rates[1], beside, None, _DOWNLOAD)


@contextmanager
def _served(directory: Path, is_secured: bool) -> Iterator[_Served]:
    """Run an api, with a worker until one export is COMPLETED."""
    configure(directory, "csv", parquet_files())
    data, catalog = directory / "data", directory / "catalog.toml"
    security = _secured(directory) if is_secured else _Security({}, {}, Access())
    api = start_api(catalog, data, _ANY, _ANY, begin=installed, **security.of_api)
    try:
        server = Server(f"127.0.0.1:{api.first_line['port']}", api.pid, security.access)
        yield _Served(server, _built(api, directory, server, security.of_worker))
    finally:
        api.terminate()


@dataclass(frozen=True, slots=True)
class _Security:
    """The settings of both services, and the access of callers."""

    of_api: Mapping[str, str]
    of_worker: Mapping[str, str]
    access: Access


def _secured(directory: Path) -> _Security:
    """Make certificates and a key."""
    tls = directory / "tls"
    authority = str(tls / "authority.pem")
    of_api = {
        "EXPORTD_CATALOG": str(directory / "catalog.toml"),
        "EXPORTD_DATA_DIR": str(directory / "data"),
        "EXPORTD_TLS_CERTIFICATE": str(tls / "api.pem"),
        "EXPORTD_TLS_KEY": str(tls / "api.key"),
        "EXPORTD_QUEUE_TLS_CLIENT_AUTHORITY": authority,
    }
    of_worker = {
        "EXPORTD_QUEUE_TLS_AUTHORITY": authority,
        "EXPORTD_QUEUE_TLS_CERTIFICATE": str(tls / "worker.pem"),
        "EXPORTD_QUEUE_TLS_KEY": str(tls / "worker.key"),
    }
    _command(["dev-certificates", str(tls)], of_api)
    key = _command(["keys", "create", "--tenant", TENANT], of_api).strip().splitlines()[-1]
    return _Security(of_api, of_worker, Access(authority, key))


def _command(arguments: list[str], settings: Mapping[str, str]) -> str:
    command = [str(Path(sys.executable).with_name("exportd-api")), *arguments]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise NotMeasured(done.stderr[-300:])
    return done.stdout


def _built(api: ServiceProcess, directory: Path, server: Server, more: Mapping[str, str]) -> Export:
    queue = f"127.0.0.1:{api.first_line['queue_port']}"
    worker = start_worker(directory / "sources.toml", directory / "data", queue, begin=installed, **more)
    try:
        return asyncio.run(_completed(server))
    finally:
        worker.terminate()


async def _completed(server: Server) -> Export:
    async with server.access.client(server.target) as client:
        return await finished(client, (await client.create(f"/invoices-{_PARTS}", format="csv")).id)
