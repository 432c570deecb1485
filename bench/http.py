"""Measures the gateway: downloads beside DownloadFile and a bare gRPC stream, creates with their cancels beside gRPC.

All are measured in turns, each download by a process of its own. The processor time to send over HTTP is that of the
gateway and of the api.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

from bench import report
from bench.bare_stream import METHOD
from bench.checks import WrongOutput
from bench.download import Ran, asked_of, bare, best_in_turns, run
from bench.peer import NotMeasured, peak_mb
from bench.processor_time import Watched
from bench.report import Result
from bench.service import Service
from bench.stream_reader import Asked
from bench.workload import folder, parts
from demo.processes import DidNotStart, installed, start_gateway
from exportd_client import Export, ExportClient

_PARTS = 3
"""785 MB as JSON Lines."""
_CREATES = 300
_TURNS = 3
_DOWNLOAD, _CREATE = report.at_least(0.6), report.at_least(0.4)
_NAMES = ("http_download_vs_stream", "http_create_vs_grpc")
_URI = "/invoices-1"


@dataclass(frozen=True, slots=True)
class _Gateway:
    """A running gateway: the id of its process, and its address."""

    pid: int
    address: str


def http() -> Iterator[Result]:
    """Measure with a service and a gateway of its own."""
    try:
        parts(folder() / "rows", _PARTS)
        with Service("jsonl") as service, _gateway(service) as gateway:
            yield from _downloads(service, gateway, service.completed(_PARTS))
            yield from _creates(service, gateway)
    except NotMeasured as problem:
        for name, unit, goal in zip(_NAMES, ("MB/s", "calls/s"), (_DOWNLOAD, _CREATE), strict=True):
            yield report.not_measured(name, unit, goal, str(problem))


@contextmanager
def _gateway(service: Service) -> Iterator[_Gateway]:
    try:
        process = start_gateway(service.target, service.data, "127.0.0.1:0", begin=installed)
    except DidNotStart as problem:
        raise NotMeasured(str(problem).strip().splitlines()[-1][-300:]) from problem
    try:
        yield _Gateway(process.pid, f"127.0.0.1:{process.first_line['port']}")
    finally:
        process.terminate()


# ---- downloads


def _downloads(service: Service, gateway: _Gateway, done: Export) -> Iterator[Result]:
    api = service.processes["api"]
    over_http = Asked(gateway.address, f"/v1/exports/{done.id}/content", done.file.size_bytes)
    with bare(service.stored(done)) as (pid, target):
        stream = Asked(target, METHOD, done.file.size_bytes)
        run((api,), asked_of(service.target, done), done)  # the api verifies the file once
        best = best_in_turns({
            "http": lambda: run((gateway.pid, api), over_http, done, "bench.http_reader"),
            "grpc": lambda: run((api,), asked_of(service.target, done), done),
            "peer": lambda: run((pid,), stream, done),
        })  # fmt: skip
    size_mb = done.file.size_bytes / 1e6
    beside = "; ".join(f"{name} {_told(ran, size_mb)}" for name, ran in best.items())
    rates = size_mb / best["http"].seconds, size_mb / best["peer"].seconds
    yield report.compared(_NAMES[0], "MB/s", *rates, beside, peak_mb(gateway.pid), _DOWNLOAD)


def _told(ran: Ran, size_mb: float) -> str:
    cpu = f"{ran.sent_cpu_s / size_mb * 1e3:.2f} + {ran.read_cpu_s / size_mb * 1e3:.2f} CPU ms a MB"
    return f"{size_mb / ran.seconds:,.0f} MB/s, {cpu}"


# ---- creates


@dataclass(frozen=True, slots=True)
class _Called:
    """Creates one after the other: calls per second, and processor seconds of the servers per call."""

    per_s: float
    processor_s: float


def _creates(service: Service, gateway: _Gateway) -> Iterator[Result]:
    watched = Watched({"api": service.processes["api"], "gateway": gateway.pid})
    ways: dict[str, Callable[[], list[str]]] = {
        "http": lambda: _over_http(gateway.address),
        "grpc": lambda: asyncio.run(_over_grpc(service.target)),
    }
    turns: dict[str, list[_Called]] = {name: [] for name in ways}
    for _ in range(_TURNS):
        for name, create in ways.items():
            turns[name].append(_called(watched, create))
    best = {name: max(ran, key=lambda each: each.per_s) for name, ran in turns.items()}
    beside = "; ".join(f"{name} {ran.per_s:,.0f}/s, {ran.processor_s * 1e3:.2f} CPU ms" for name, ran in best.items())
    rates = best["http"].per_s, best["grpc"].per_s
    yield report.compared(_NAMES[1], "calls/s", *rates, beside, peak_mb(gateway.pid), _CREATE)


def _called(watched: Watched, create: Callable[[], list[str]]) -> _Called:
    """Create, and check that each answer has an export of its own. Raises WrongOutput."""
    started = time.perf_counter()
    ids, took = watched.during(create)
    seconds = time.perf_counter() - started
    if len(set(ids)) != _CREATES:
        raise WrongOutput(f"{len(set(ids))} exports were created by {_CREATES} calls")
    return _Called(_CREATES / seconds, (took["api"] + took["gateway"]) / _CREATES)


def _over_http(address: str) -> list[str]:
    connection = HTTPConnection(address)
    body = json.dumps({"uri": _URI, "format": "FORMAT_JSONL"})
    ids = []
    for _ in range(_CREATES):
        connection.request("POST", "/v1/exports", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        document = json.load(answer)
        if answer.status != 200:
            raise NotMeasured(f"a create over HTTP: {answer.status} {document.get('detail')}")
        ids.append(document["id"])
        _cancel(connection, document["id"])
    connection.close()
    return ids


def _cancel(connection: HTTPConnection, export_id: str) -> None:
    """Cancel an export, so that workers do not build what nobody needs. Both ways do so."""
    connection.request("POST", f"/v1/exports/{export_id}:cancel")
    connection.getresponse().read()


async def _over_grpc(target: str) -> list[str]:
    ids = []
    async with ExportClient(target) as client:
        for _ in range(_CREATES):
            export = await client.create(_URI, format="jsonl")
            ids.append(export.id)
            await client.cancel(export.id)
    return ids
