"""GetDownloadUrl, with a real object store."""

import hashlib
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from structlog.testing import capture_logs

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2, export_service_pb2
from services.api.settings import ApiSettings
from services.api.world import World
from services.contract.job import LeaseRef
from services.runtime import logs
from services.worker.artifacts import open_sink
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.refusals import refused
from tests.patience import PATIENCE_S
from tests.servers.object_store import bucket_of

CONTENT = b"id,total\r\n" * 1_000
LIFE = timedelta(seconds=300)


class BucketWorker(Worker):
    """One whose files go into the bucket."""

    def __init__(self, api: Api, settings: ApiSettings) -> None:
        super().__init__(api)
        self.sink = open_sink(settings.artifacts)

    def file(self, job: queue_pb2.Job, content: bytes, name: str = "export.csv", **fields: Any) -> queue_pb2.Artifact:
        writer = self.sink.open(LeaseRef(job.export_id, job.lease_id), name, "text/csv")
        writer.write(content)
        stored = writer.close(lambda: None)
        told = {"media_type": "text/csv", "extension": "csv"} | fields
        return queue_pb2.Artifact(key=stored.key, size_bytes=stored.size_bytes, sha256=stored.sha256, **told)


@pytest.fixture
def settings(settings: ApiSettings, object_store: Any) -> ApiSettings:
    return replace(settings, artifacts=bucket_of(object_store))


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


@pytest.fixture
def worker(api: Api, settings: ApiSettings) -> BucketWorker:
    return BucketWorker(api, settings)


@pytest.fixture
async def export(api: Api, worker: BucketWorker) -> export_pb2.Export:
    created = await api.create()
    await worker.build(CONTENT)
    return await api.get(created.id)


def url_of(api: Api, metadata: Any = (), **source: str) -> Any:
    return api.exports.GetDownloadUrl(export_service_pb2.GetDownloadUrlRequest(**source), metadata=metadata)


async def test_the_url_of_a_file_gives_its_bytes_and_says_what_they_are(
    api: Api, export: export_pb2.Export, clock: Clock
) -> None:
    for source in ({"export_id": export.id}, {"file_id": export.file.id}):
        signed = await url_of(api, **source)
        with urllib.request.urlopen(signed.url, timeout=PATIENCE_S) as answer:  # noqa: S310 - a store of tests
            assert answer.read() == CONTENT
        assert (signed.size_bytes, signed.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
        assert abs(_left(signed, clock) - LIFE) < timedelta(seconds=1)


def _left(signed: export_service_pb2.GetDownloadUrlResponse, clock: Clock) -> timedelta:
    return signed.expire_time.ToDatetime(clock.now.tzinfo) - clock.now


async def test_a_url_ends_with_its_file(api: Api, worker: BucketWorker, clock: Clock) -> None:
    created = await api.create(ttl=Duration(seconds=100))
    await worker.build(CONTENT)
    signed = await url_of(api, export_id=created.id)
    assert "X-Amz-Expires=100&" in signed.url
    assert abs(_left(signed, clock) - timedelta(seconds=100)) < timedelta(seconds=1)


async def test_no_line_of_the_log_has_the_url(api: Api, export: export_pb2.Export) -> None:
    with capture_logs(processors=[logs.with_bound]) as lines:
        signed = await url_of(api, export_id=export.id)
    assert [line["method"] for line in lines] == ["GetDownloadUrl"]
    assert signed.url.partition("?")[0] not in str(lines)
    assert "X-Amz" not in str(lines)


async def test_of_another_tenant_there_is_nothing(api: Api, export: export_pb2.Export) -> None:
    other = (("x-exportd-tenant", "other"),)
    for source, reason in (
        ({"export_id": export.id}, "EXPORT_NOT_FOUND"),
        ({"file_id": export.file.id}, "FILE_NOT_FOUND"),
    ):
        refusal = await refused(url_of(api, other, **source))
        assert (refusal.code, refusal.reason) == ("NOT_FOUND", reason)


async def test_what_has_no_file_has_no_url(api: Api) -> None:
    created = await api.create()
    assert (await refused(url_of(api, export_id=created.id))).reason == "EXPORT_NOT_READY"
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=created.id))
    assert (await refused(url_of(api, export_id=created.id))).reason == "EXPORT_CANCELLED"
    assert list((await refused(url_of(api))).violations) == ["export_id"]


async def test_a_file_whose_time_is_over_has_none(api: Api, export: export_pb2.Export, clock: Clock) -> None:
    clock.now += timedelta(days=8)
    assert (await refused(url_of(api, file_id=export.file.id))).reason == "FILE_EXPIRED"


async def test_a_file_whose_bytes_are_gone_has_none(api: Api, export: export_pb2.Export, worker: BucketWorker) -> None:
    (job_prefix,) = [each async for each in api.parts.retention._artifacts.prefixes()]
    worker.sink.withdraw(job_prefix.lease)
    refusal = await refused(url_of(api, file_id=export.file.id))
    assert (refusal.code, refusal.reason) == ("DATA_LOSS", "FILE_DAMAGED")
