"""A whole api in this process, on real files and real ports, and a worker that does what a test says."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.queue.v1.job_queue_service_pb2_grpc import JobQueueServiceStub
from exportd.v1 import export_pb2, export_service_pb2
from exportd.v1.export_service_pb2_grpc import ExportServiceStub
from exportd.v1.operator_service_pb2_grpc import OperatorServiceStub
from services.api import app
from services.api.domain.leases import LeasePolicy
from services.api.settings import ApiSettings
from services.api.world import World
from services.runtime.signals import StopSignals
from tests.patience import PATIENCE_S
from tests.servers.new_database import put_new_database

CATALOG = """
[sources.shop]
kind = "sql"
[sources.papers]
kind = "folder"

[collections.Orders]
path = "/shops/{shopId}/orders"
source = "shop"
table = "orders"
key = "id"
formats = ["XLSX", "CSV", "JSON", "JSONL"]
[collections.Orders.parameters.shopId]
column = "shop_id"
optional = true
[[collections.Orders.columns]]
field = "id"
[[collections.Orders.columns]]
field = "issuedAt"
name = "issued_at"
type = "timestamp"
[collections.Orders.attachments."order.pdf"]
source = "papers"
path = "{id}.pdf"

[collections.Shops]
path = "/shops"
source = "shop"
table = "shops"
key = "id"
formats = ["PARQUET"]
columns = [{ field = "id" }]
"""


@dataclass(frozen=True)
class Api:
    """A running api: stubs for callers and workers, where its files are, and its parts."""

    exports: ExportServiceStub
    operators: OperatorServiceStub
    jobs: JobQueueServiceStub
    artifacts: Path
    stop: StopSignals
    target: str
    queue_target: str
    parts: app.Api

    async def lives(self, clock: "Clock", length: timedelta) -> None:
        """Time passes while the api is there: it scans all along."""
        end = clock.now + length
        while clock.now < end:
            clock.now = min(end, clock.now + timedelta(seconds=4))
            await self.parts.reaper.run_once()

    async def polls_in_line(self, count: int) -> None:
        """Wait until so many polls for work are in line: a call that was made, or cut off, has then arrived."""
        await until(lambda: self.parts.live.announcements.polls_waiting == count)

    async def previews_in_line(self, count: int) -> None:
        """Wait until so many previews are in line for a worker."""
        await until(lambda: self.parts.live.preview_desk.waiting == count)

    async def create(self, uri: str = "/shops/7/orders", **fields: object) -> export_pb2.Export:
        """Create an export, by default as CSV."""
        request = export_service_pb2.CreateExportRequest(uri=uri, **{"format": export_pb2.FORMAT_CSV} | fields)
        return await self.exports.CreateExport(request)

    async def get(self, export_id: str) -> export_pb2.Export:
        return await self.exports.GetExport(export_service_pb2.GetExportRequest(export_id=export_id))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)  # between two looks


class Clock:
    """The time of an api: it stands still, but for what a test lets pass."""

    def __init__(self) -> None:
        self.now = self._began = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        """As that of the machine, and ahead of it by what a test has let pass."""
        return time.monotonic() + (self.now - self._began).total_seconds()


class Worker:
    """A worker by hand: each verb once, when a test says so."""

    def __init__(self, api: Api) -> None:
        self.id = str(uuid4())
        self._api = api

    async def lease(self, wait_s: float = 5, max_jobs: int = 1, poll_id: str = "") -> list[queue_pb2.Job]:
        request = queue_pb2.LeaseJobsRequest(
            worker_id=self.id, poll_id=poll_id or str(uuid4()), max_jobs=max_jobs, wait=_seconds(wait_s)
        )
        return list((await self._api.jobs.LeaseJobs(request)).jobs)

    async def heartbeat(
        self, *jobs: queue_pb2.Job, progress: export_pb2.Progress | None = None, draining: bool = False
    ) -> queue_pb2.HeartbeatResponse:
        held = [queue_pb2.LeaseReport(export_id=j.export_id, lease_id=j.lease_id, progress=progress) for j in jobs]
        return await self._api.jobs.Heartbeat(
            queue_pb2.HeartbeatRequest(worker_id=self.id, leases=held, draining=draining)
        )

    def file(self, job: queue_pb2.Job, content: bytes, name: str = "export.csv", **fields: Any) -> queue_pb2.Artifact:
        """Put a file where the job's file belongs."""
        key = f"{job.artifact_prefix}{name}"
        path = self._api.artifacts / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        told = {"media_type": "text/csv", "extension": "csv"} | fields
        sha256 = hashlib.sha256(content).hexdigest()
        return queue_pb2.Artifact(key=key, size_bytes=len(content), sha256=sha256, **told)

    async def complete(
        self,
        job: queue_pb2.Job,
        artifact: queue_pb2.Artifact,
        written: int = 2,
        attachments: queue_pb2.Artifact | None = None,
    ) -> None:
        stats = queue_pb2.RunStats(
            rows_matched=2,
            rows_written=written,
            matched_by=export_pb2.MATCHED_BY_COUNT,
            consistency=export_pb2.CONSISTENCY_SNAPSHOT,
        )
        await self._api.jobs.CompleteJob(
            queue_pb2.CompleteJobRequest(
                export_id=job.export_id,
                lease_id=job.lease_id,
                artifact=artifact,
                stats=stats,
                attachments_artifact=attachments,
            )
        )

    async def fail(self, job: queue_pb2.Job, code: str = "SOURCE_UNAVAILABLE", *, retryable: bool = True) -> None:
        failure = queue_pb2.Failure(code=code, message="the source did not answer", retryable=retryable)
        await self._api.jobs.FailJob(
            queue_pb2.FailJobRequest(export_id=job.export_id, lease_id=job.lease_id, failure=failure)
        )

    async def release(self, *jobs: queue_pb2.Job) -> None:
        leases = [queue_pb2.LeaseReport(export_id=j.export_id, lease_id=j.lease_id) for j in jobs]
        await self._api.jobs.ReleaseJobs(queue_pb2.ReleaseJobsRequest(worker_id=self.id, leases=leases))

    async def build(self, content: bytes) -> queue_pb2.Job:
        """The whole job: lease, confirm, write, complete."""
        (job,) = await self.lease()
        await self.heartbeat(job)
        await self.complete(job, self.file(job, content))
        return job


def _seconds(length: float) -> Duration:
    return Duration(seconds=int(length), nanos=int(length % 1 * 1e9))


@pytest.fixture
def leases() -> LeasePolicy:
    """The lease policy of the api; a module that needs another one overrides this."""
    return LeasePolicy()


@pytest.fixture
def settings(tmp_path: Path, leases: LeasePolicy) -> ApiSettings:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    environ = {
        "EXPORTD_CATALOG": str(tmp_path / "catalog.toml"),
        "EXPORTD_DATA_DIR": str(tmp_path / "data"),
        "EXPORTD_LISTEN": "127.0.0.1:0",
        "EXPORTD_QUEUE_LISTEN": "127.0.0.1:0",
        "EXPORTD_API_METRICS": "off",
        "EXPORTD_DRAIN_GRACE_S": "30",
    }
    return replace(ApiSettings.from_env(environ), leases=leases)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def serving(settings: ApiSettings, world: World = World()) -> AsyncIterator[Api]:  # noqa: B008 - frozen
    """An api for as long as the context lasts."""
    put_new_database(settings.data_dir / "exportd.sqlite3")
    stop = StopSignals()
    ports: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
    async with await app.build(settings, world) as parts:
        running = asyncio.create_task(app.run(parts, stop, lambda *both: ports.set_result(both)))
        await asyncio.wait([running, ports], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        target, queue_target = (f"127.0.0.1:{port}" for port in ports.result())
        async with (
            grpc.aio.insecure_channel(target) as channel,
            grpc.aio.insecure_channel(queue_target) as queue_channel,
        ):
            stubs = ExportServiceStub(channel), OperatorServiceStub(channel), JobQueueServiceStub(queue_channel)
            yield Api(*stubs, settings.artifacts, stop, target, queue_target, parts)
            stop.drain.set()
            await running


@pytest.fixture
async def api(settings: ApiSettings) -> AsyncIterator[Api]:
    async with serving(settings) as served:
        yield served


@pytest.fixture
def worker(api: Api) -> Worker:
    return Worker(api)
