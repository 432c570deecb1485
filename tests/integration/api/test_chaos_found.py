"""Faults that `make chaos` found."""

import shutil

from exportd.v1 import export_service_pb2
from tests.integration.api.conftest import Api, Worker
from tests.integration.api.refusals import refused

CONTENT = b"id,issuedAt\r\n1,2026-01-01T00:00:00Z\r\n2,\r\n"


async def test_a_late_worker_whose_file_was_swept_hears_of_the_cancel_and_not_of_another_store(
    api: Api, worker: Worker
) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, CONTENT)
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=export.id))
    shutil.rmtree(api.artifacts / export.id)  # what a sweep does with the bytes of a cancelled export
    assert (await refused(worker.complete(job, artifact))).reason == "JOB_CANCELLED"


async def test_a_late_worker_whose_file_was_swept_hears_that_its_lease_is_lost(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, CONTENT)
    await worker.release(job)
    shutil.rmtree(api.artifacts / export.id)  # as above
    assert (await refused(worker.complete(job, artifact))).reason == "LEASE_LOST"
