"""The line that each call leaves in the log: an operator follows an export, a lease and a worker by it."""

from collections.abc import Mapping
from typing import Any

from structlog.testing import capture_logs

from services.runtime import logs
from tests.integration.api.conftest import Api, Worker


def of(lines: list[Any], method: str) -> Mapping[str, Any]:
    (line,) = [line for line in lines if line["event"] == "call" and line["method"] == method]
    return line


async def test_each_call_of_a_worker_names_its_worker_its_exports_and_its_leases(api: Api, worker: Worker) -> None:
    with capture_logs(processors=[logs.with_bound]) as lines:
        export = await api.create()
        (given_back,) = await worker.lease()
        await worker.heartbeat(given_back)
        await worker.release(given_back)
    by_worker = {"worker_id": worker.id, "code": "OK"}
    assert by_worker.items() <= of(lines, "LeaseJobs").items()
    assert of(lines, "LeaseJobs")["leases"] == {export.id: given_back.lease_id}
    assert by_worker.items() <= of(lines, "ReleaseJobs").items()
    assert of(lines, "CreateExport")["export_id"] == export.id

    with capture_logs(processors=[logs.with_bound]) as lines:
        (failed,) = await worker.lease()
        await worker.fail(failed)
    of_lease = {"export_id": export.id, "lease_id": failed.lease_id, "failure": "SOURCE_UNAVAILABLE"}
    assert of_lease.items() <= of(lines, "FailJob").items()


async def test_a_completion_says_how_much_was_written(api: Api, worker: Worker) -> None:
    await api.create()
    with capture_logs(processors=[logs.with_bound]) as lines:
        job = await worker.build(b"id\r\n1\r\n")
    of_job = {"export_id": job.export_id, "lease_id": job.lease_id, "rows": 2, "bytes": 7}
    assert of_job.items() <= of(lines, "CompleteJob").items()
