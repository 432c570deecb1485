"""One trace for each export: real processes send it to a collector, whose messages are OpenTelemetry's own."""

import asyncio
import json
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from demo.processes import start_gateway
from exportd.v1 import export_pb2, export_service_pb2, export_service_pb2_grpc
from exportd_client import ExportClient
from tests.e2e.conftest import QUICK, House, opened_house
from tests.e2e.held import Held
from tests.patience import PATIENCE_S
from tests.servers.collector import Collector, Seen, collecting
from tests.servers.stores import new_store
from tests.tiers import deep, deep_but

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
SERVICE = "exportd.v1.ExportService"
QUEUE = "exportd.queue.v1.JobQueueService"
COMPLETION = f"{QUEUE}/CompleteJobs"
STAGES = ("read", "write", "package", "upload")
WHOLE = ("queue", "attempt", *STAGES, "report", COMPLETION, "complete", "download")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(params=deep_but(["sqlite", "postgres"], "sqlite"))
def traced(request: pytest.FixtureRequest, tmp_path: Path, sample: Path, collector: Collector) -> Iterator[House]:
    """An api that sends its traces; with PostgreSQL there are two, and workers and callers meet different ones."""
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with opened_house(sample, tmp_path / "data") as house:
        if request.param == "sqlite":
            house.api(**settings)
            yield house
            return
        (tmp_path / "key").write_bytes(b"k" * 32)
        settings |= {"EXPORTD_DATABASE": new_store(), "EXPORTD_SECRET_KEY_FILE": str(tmp_path / "key")}
        with opened_house(sample, tmp_path / "data") as other:
            other.api(**settings)
            house.api(**settings)
            house.ports = (house.ports[0], other.ports[1])
            yield house


def create(house: House, uri: str, *metadata: tuple[str, str]) -> export_pb2.Export:
    request = export_service_pb2.CreateExportRequest(uri=uri, format=export_pb2.FORMAT_CSV, max_attempts=3)
    with grpc.insecure_channel(house.target) as channel:
        made: export_pb2.Export = export_service_pb2_grpc.ExportServiceStub(channel).CreateExport(
            request, metadata=metadata
        )
        return made


async def downloaded(house: House, export_id: str, folder: Path) -> None:
    async with ExportClient(house.target) as client:
        async with asyncio.timeout(PATIENCE_S):
            await client.wait(export_id)
        await client.download(export_id, folder / "file.csv")


async def rows_of(house: House, export_id: str) -> int:
    async with ExportClient(house.target) as client:
        return (await client.get(export_id)).file.row_count


def tree(spans: list[Seen]) -> dict[str, str]:
    """The name of the parent of each span."""
    names = {span.span_id: span.name for span in spans}
    return {span.name: names.get(span.parent_id, span.parent_id) for span in spans}


async def test_a_trace_has_the_whole_life_of_an_export(traced: House, collector: Collector, tmp_path: Path) -> None:
    traced.worker(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    made = await asyncio.to_thread(create, traced, "/airports", ("traceparent", TRACEPARENT))
    await downloaded(traced, made.id, tmp_path)
    spans = await asyncio.to_thread(collector.wait_for, TRACE_ID, f"{SERVICE}/CreateExport", *WHOLE)
    root = f"{SERVICE}/CreateExport"
    below_attempt = dict.fromkeys((*STAGES, "report"), "attempt")
    assert tree(spans) == {
        root: SPAN_ID,
        **dict.fromkeys(("queue", "attempt", "download"), root),
        **below_attempt,
        **dict.fromkeys((COMPLETION, "complete"), "report"),
    }
    of = {span.name: span for span in spans}
    assert {of[name].service for name in ("attempt", *below_attempt)} == {"exportd-worker"}
    assert {of[name].service for name in (root, "queue", "download", COMPLETION, "complete")} == {"exportd-api"}
    assert of["attempt"].attributes["exportd.outcome"] == "completed"
    assert of["attempt"].attributes["exportd.rows"] == await rows_of(traced, made.id)
    assert {
        of[name].attributes["exportd.export.id"] for name in (root, "queue", "attempt", "complete", "download")
    } == {made.id}
    assert not any(span.has_failed for span in spans)
    assert of["queue"].end_ns <= of["attempt"].end_ns
    assert all(of["attempt"].begin_ns <= of[name].begin_ns <= of[name].end_ns for name in below_attempt)
    (link,) = of["download"].links
    assert link != TRACE_ID, "the download was a call with a trace of its own"
    lines = [json.loads(line) for process in traced.processes for line in process.log.read_text().splitlines()]
    assert {line["event"] for line in lines if line.get("trace_id") == TRACE_ID} >= {"call", "attempt"}


@deep
async def test_a_killed_worker_leaves_one_trace_with_its_lost_attempt(
    traced: House, collector: Collector, held: Held, tmp_path: Path
) -> None:
    worker = traced.worker(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    made = await asyncio.to_thread(create, traced, "/held", ("traceparent", TRACEPARENT))
    async with ExportClient(traced.target) as client, asyncio.timeout(PATIENCE_S):
        async for shown in client.watch(made.id):
            if shown.progress.rows_written:
                break
    worker.send(signal.SIGKILL)
    held.open()
    traced.worker(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    await downloaded(traced, made.id, tmp_path)
    alone = f"{QUEUE}/CompleteJob"  # the file is large
    seen = (alone if name == COMPLETION else name for name in WHOLE if name != "complete")
    spans = await asyncio.to_thread(collector.wait_for, TRACE_ID, *seen, "lease expired")
    root = next(span for span in spans if span.name == f"{SERVICE}/CreateExport")
    (lost,) = (span for span in spans if span.name == "lease expired")
    assert lost.has_failed
    assert lost.attributes["error.type"] == "LEASE_EXPIRED"
    assert lost.begin_ns < lost.end_ns
    waits = [span for span in spans if span.name == "queue"]
    assert sorted(span.attributes["exportd.attempt"] for span in waits) == [1, 2]  # type: ignore[type-var]
    attempts = [span for span in spans if span.name == "attempt"]
    assert [span.attributes["exportd.attempt"] for span in attempts] == [2], "the first was killed"
    assert {span.parent_id for span in (lost, *waits, *attempts)} == {root.span_id}


@deep
async def test_the_trace_of_a_web_request_goes_through_the_gateway(
    tmp_path: Path, sample: Path, collector: Collector
) -> None:
    with opened_house(sample, tmp_path / "data") as house:
        house.api(**QUICK, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        gateway = start_gateway(
            house.target, tmp_path / "data", "127.0.0.1:0", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url
        )
        house.processes.append(gateway)
        url = f"http://127.0.0.1:{gateway.first_line['port']}/v1/exports"
        body = json.dumps({"uri": "/airports", "format": "FORMAT_CSV"}).encode()
        headers = {"Content-Type": "application/json", "traceparent": TRACEPARENT}
        await asyncio.to_thread(urllib.request.urlopen, urllib.request.Request(url, body, headers))
        spans = await asyncio.to_thread(collector.wait_for, TRACE_ID, "POST /v1/exports", f"{SERVICE}/CreateExport")
        assert tree(spans) == {"POST /v1/exports": SPAN_ID, f"{SERVICE}/CreateExport": "POST /v1/exports"}
        assert {span.service for span in spans} == {"exportd-gateway", "exportd-api"}


# A doubled one is not among them: gRPC hands on one of several values of this key.
HOSTILE = {
    "malformed": [("traceparent", f"00-{TRACE_ID}-{SPAN_ID}")],
    "zeros": [("traceparent", f"00-{'0' * 32}-{'0' * 16}-01")],
    "long": [("traceparent", TRACEPARENT + "-" + "x" * 4000)],
    "state": [("tracestate", "a=b," * 1000)],
}


async def test_a_hostile_context_is_ignored(traced: House, collector: Collector) -> None:
    made = [(await asyncio.to_thread(create, traced, "/airports", *sent)).id for sent in HOSTILE.values()]
    spans = await asyncio.to_thread(
        collector.wait_until, lambda spans: {*made} <= {s.attributes.get("exportd.export.id") for s in spans}
    )
    creates = [span for span in spans if span.name == f"{SERVICE}/CreateExport"]
    assert len({span.trace_id for span in creates} - {TRACE_ID}) == len(HOSTILE), "each is a trace of its own"
    assert {span.parent_id for span in creates} == {""}
    assert b"x" * 100 not in b"".join(collector.bodies)
