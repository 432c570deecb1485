"""The workers' port with tokens: no field of any RPC is too strange, and no worker reaches what is another's."""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, cast
from uuid import uuid4

import grpc
import pytest
from google.protobuf.message import Message

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2, export_service_pb2, operator_service_pb2
from services.api.domain.keys import Holder, Scope
from services.api.rpc.queue.fields import RULES
from services.api.settings import ApiSettings
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from tests.integration.api.conftest import Api, Clock, serving
from tests.integration.api.hostile_fields import Case, cases, is_whole, large_texts, long_lists
from tests.integration.api.refusals import Refusal, refused
from tests.integration.api.test_isolation import strange
from tests.integration.api.test_keys import METHODS as OF_CALLERS
from tests.integration.api.test_keys import keys
from tests.patience import PATIENCE_S
from tests.tiers import deep_but

__all__ = ["keys"]
SERVICE = queue_pb2.DESCRIPTOR.services_by_name["JobQueueService"]
METHODS = sorted(method.name for method in SERVICE.methods)
CREATE = export_service_pb2.CreateExportRequest(
    uri="/shops/7/orders",
    format=export_pb2.FORMAT_CSV,
    file_types=["order.pdf"],
    packaging=export_pb2.PACKAGING_SEPARATE,
)
CONTENT = b"id,issuedAt\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NOBODYS = "0189d3b0-0000-7000-8000-000000000000"
Metadata = list[tuple[str, str]]
Settled = ("LEASE_LOST", "JOB_CANCELLED", "STORE_MISMATCH", "ROWS_MISSING", "WORKER_FORBIDDEN")
"""What is said to a request that is sound, but not about this worker's work."""


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:
    settings = replace(settings, waits=replace(settings.waits, preview_taken_s=PATIENCE_S))
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


@dataclass
class Mine:
    """A worker for one tenant, with a token, and a caller of this tenant who sees everything."""

    api: Api
    token: Metadata
    caller: Metadata
    worker_id: str
    job: queue_pb2.Job | None = None

    async def works(self) -> queue_pb2.Job:
        """The job that it works on, confirmed; a new one if the last is over."""
        if self.job is None or not await self._is_running(self.job):
            self.job = await self._leased()
        return self.job

    async def export(self, job: queue_pb2.Job) -> export_pb2.Export:
        request = export_service_pb2.GetExportRequest(export_id=job.export_id)
        return await self.api.exports.GetExport(request, metadata=self.caller)

    async def _is_running(self, job: queue_pb2.Job) -> bool:
        export = await self.export(job)
        return export.state == export_pb2.Export.STATE_PROCESSING and await self._holds(job)

    async def _holds(self, job: queue_pb2.Job) -> bool:
        beat = queue_pb2.HeartbeatRequest(worker_id=self.worker_id, leases=[_report(job)])
        answer = await self.api.jobs.Heartbeat(beat, metadata=self.token)
        return [each.verdict for each in answer.verdicts] == [queue_pb2.LeaseVerdict.VERDICT_KEEP]

    async def _leased(self) -> queue_pb2.Job:
        await self.api.exports.CreateExport(CREATE, metadata=self.caller)
        request = queue_pb2.LeaseJobsRequest(worker_id=self.worker_id, poll_id=str(uuid4()), max_jobs=1)
        (job,) = (await self.api.jobs.LeaseJobs(request, metadata=self.token)).jobs
        assert await self._holds(job)
        return job

    async def state(self) -> list[bytes]:
        """What a caller and an operator see of exports and workers."""
        exports = await self.api.exports.ListExports(export_service_pb2.ListExportsRequest(), metadata=self.caller)
        exports.next_page_token = ""  # each one is another, also of the same page
        workers = await self.api.operators.ListWorkers(operator_service_pb2.ListWorkersRequest(), metadata=self.caller)
        return [each.SerializeToString(deterministic=True) for each in (exports, workers)]


def _report(job: queue_pb2.Job) -> queue_pb2.LeaseReport:
    return queue_pb2.LeaseReport(export_id=job.export_id, lease_id=job.lease_id)


def _progress(job: queue_pb2.Job) -> queue_pb2.LeaseReport:
    report = _report(job)
    report.progress.MergeFrom(export_pb2.Progress(phase=export_pb2.Progress.PHASE_WRITING, rows_written=1))
    return report


async def new_worker(api: Api, keys: Keys, tenant: str) -> Mine:
    _, token = await keys.create(NewKey(Holder.WORKER, tenants=frozenset({tenant})))
    scopes = frozenset(Scope)
    _, caller = await keys.create(NewKey(Holder.CALLER, tenant, scopes=scopes, all_tenants=True))
    return Mine(api, [("authorization", f"Bearer {token}")], [("x-api-key", caller)], str(uuid4()))


@pytest.fixture
async def mine(api: Api, keys: Keys) -> Mine:
    return await new_worker(api, keys, "acme")


def _artifact(job: queue_pb2.Job, name: str) -> queue_pb2.Artifact:
    return queue_pb2.Artifact(
        key=f"{job.artifact_prefix}{name}",
        size_bytes=len(CONTENT),
        sha256=SHA256,
        media_type="text/csv",
        extension="csv",
        entries=[export_pb2.Entry(name="a.csv", size_bytes=1)],
        entry_count=1000,
    )


def _warning() -> export_pb2.Warning:
    return export_pb2.Warning(code="VALUE_CUT", message="a value was cut", count=1)


def sound(method: str, job: queue_pb2.Job, worker_id: str) -> Message:
    """A request of a worker that does nothing wrong, with every field."""
    made: dict[str, Callable[[], Message]] = {
        "LeaseJobs": lambda: queue_pb2.LeaseJobsRequest(
            worker_id=worker_id,
            poll_id=str(uuid4()),
            max_jobs=1,
            capabilities=queue_pb2.Capabilities(names=["rows/sql/shop"], store_id=job.store_id),
        ),
        "Heartbeat": lambda: queue_pb2.HeartbeatRequest(
            worker_id=worker_id,
            leases=[_progress(job)],
            free_slots=1,
            problems=[queue_pb2.WorkerProblem(code="DISK_FULL", source_id="shop")],
        ),
        "WatchDirectives": lambda: queue_pb2.WatchDirectivesRequest(worker_id=worker_id),
        "CompleteJob": lambda: queue_pb2.CompleteJobRequest(
            export_id=job.export_id,
            lease_id=job.lease_id,
            artifact=_artifact(job, "export.csv"),
            attachments_artifact=_artifact(job, "attachments.zip"),
            stats=queue_pb2.RunStats(
                rows_matched=1,
                rows_written=1,
                matched_by=export_pb2.MATCHED_BY_COUNT,
                consistency=export_pb2.CONSISTENCY_SNAPSHOT,
                warnings=[_warning()],
            ),
        ),
        "CompleteJobs": lambda: queue_pb2.CompleteJobsRequest(
            worker_id=worker_id,
            jobs=[cast("queue_pb2.CompleteJobRequest", sound("CompleteJob", job, worker_id))],
            next=queue_pb2.NextPoll(
                poll_id=str(uuid4()),
                max_jobs=1,
                capabilities=queue_pb2.Capabilities(names=["rows/sql/shop"], store_id=job.store_id),
            ),
        ),
        "FailJob": lambda: queue_pb2.FailJobRequest(
            export_id=job.export_id,
            lease_id=job.lease_id,
            failure=queue_pb2.Failure(code="SOURCE_UNAVAILABLE", message="away", retryable=True),
        ),
        "TakePreview": lambda: queue_pb2.TakePreviewRequest(worker_id=worker_id),
        "FinishPreview": lambda: queue_pb2.FinishPreviewRequest(
            preview_id=NOBODYS,
            rows=['{"id": 1}'],
            rows_total=1,
            warnings=[_warning()],
            failure=queue_pb2.Failure(code="SOURCE_UNAVAILABLE"),
        ),
        "ReleaseJobs": lambda: queue_pb2.ReleaseJobsRequest(
            worker_id=worker_id,
            leases=[_progress(job)],
        ),
    }
    return made[method]()


def put_files(api: Api, job: queue_pb2.Job) -> None:
    for name in ("export.csv", "attachments.zip"):
        path = api.artifacts / f"{job.artifact_prefix}{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)


async def answered(api: Api, method: str, request: Message, metadata: Metadata) -> Refusal | None:
    """Why a request was refused; None if it was not."""
    async with grpc.aio.insecure_channel(api.queue_target) as channel:
        streams = SERVICE.methods_by_name[method].server_streaming
        kind = channel.unary_stream if streams else channel.unary_unary
        call = kind(f"/exportd.queue.v1.JobQueueService/{method}")(
            request.SerializeToString(), metadata=metadata, timeout=PATIENCE_S
        )
        try:
            await (call.read() if streams else call)
        except grpc.aio.AioRpcError as error:
            return await refused(_raised(error))
        call.cancel()
    return None


async def _raised(error: grpc.aio.AioRpcError) -> None:
    raise error


Try = Callable[[queue_pb2.Job], Iterator[Case]]


async def tried(mine: Mine, method: str, some: Try, capsys: pytest.CaptureFixture[str]) -> None:
    """Send cases. Each is refused by name and changes nothing, or is harmless."""
    count = 0
    while True:
        job = await mine.works()
        put_files(mine.api, job)
        before = await mine.state()
        for case in islice(some(job), count, None):
            count += 1
            refusal = await answered(mine.api, method, case.request, mine.token)
            if refusal is None:
                break  # the job may be over
            after = await mine.state()
            assert_refused(case, refusal, before, after)
            before = after
        else:
            break
    said = capsys.readouterr()
    assert "call_failed" not in said.out + said.err


def assert_refused(case: Case, refusal: Refusal, before: list[bytes], after: list[bytes]) -> None:
    assert after[0] == before[0], case.path
    if refusal.code == "INVALID_ARGUMENT":
        assert after[1] == before[1], case.path
        assert refusal.reason == "INVALID_REQUEST"
        assert all(_is_about(field, case.path) for field in refusal.violations), (case.path, refusal)
        assert refusal.violations, case.path
    else:
        assert refusal.reason in Settled, (case.path, refusal)
    assert len(refusal.message) < 1000


def _is_about(field: str, path: str) -> bool:
    """Whether a violation names the strange field, or the list that is too large with it."""
    return field == path or path.startswith(f"{field}[") or SUMS.get(path) == field


SUMS = {
    "artifact.entry_count": "artifact.entry_count",
    "stats.warnings[0].message": "stats.warnings",
    "warnings[0].message": "rows",
    "rows[0]": "rows",
}


@pytest.mark.parametrize("method", deep_but(METHODS, "FailJob", "Heartbeat", "LeaseJobs"))
async def test_no_field_of_a_worker_is_too_strange(mine: Mine, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    await tried(mine, method, lambda job: cases(sound(method, job, mine.worker_id)), capsys)


@pytest.mark.parametrize("method", deep_but(METHODS, "CompleteJob", "Heartbeat"))
async def test_no_list_is_too_long_and_no_text_too_large(
    mine: Mine, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def some(job: queue_pb2.Job) -> Iterator[Case]:
        yield from long_lists(sound(method, job, mine.worker_id), lambda name: RULES[name].most)

    await tried(mine, method, some, capsys)
    await tried(mine, method, lambda job: large_texts(sound(method, job, mine.worker_id)), capsys)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "WatchDirectives"])
async def test_a_sound_request_is_accepted(mine: Mine, method: str) -> None:
    """So that each refusal of the others is about the one field that they change."""
    job = await mine.works()
    put_files(mine.api, job)
    request = sound(method, job, mine.worker_id)
    assert is_whole(request)
    assert await answered(mine.api, method, request, mine.token) is None


def test_there_are_many_cases() -> None:
    job = queue_pb2.Job(export_id=NOBODYS, lease_id="0" * 32, artifact_prefix=f"{NOBODYS}/{'0' * 32}/")
    of_workers = sum(len([*cases(sound(method, job, NOBODYS))]) for method in METHODS)
    of_callers = sum(len([*strange(method.input_type)]) for method in OF_CALLERS.values())
    assert of_workers >= 250
    assert of_callers >= 250


@pytest.mark.parametrize("method", METHODS)
async def test_a_worker_cannot_do_anything_with_what_is_anothers(api: Api, mine: Mine, keys: Keys, method: str) -> None:
    """Its id, its export, its lease; of another tenant as of its own. And nobody can without a token."""
    for tenant in ("other", "acme"):
        theirs = await new_worker(api, keys, tenant)
        job, own = await theirs.works(), await mine.works()
        put_files(api, job)
        before = await theirs.export(job)
        for changed in _taken_over(sound(method, own, mine.worker_id), own, job, theirs.worker_id):
            refusal = await answered(api, method, changed, mine.token)
            assert refusal is None or refusal.reason in (*Settled, "INVALID_REQUEST"), refusal
            if getattr(changed, "worker_id", "") == theirs.worker_id:
                assert refusal is not None
                assert refusal.reason == "WORKER_FORBIDDEN"
        for metadata in ([], mine.caller, [("x-exportd-tenant", tenant)]):
            stranger = await answered(api, method, sound(method, job, theirs.worker_id), metadata)
            assert stranger is not None
            assert stranger.reason == "BAD_CREDENTIALS"
        assert await theirs.works() == job
        assert await theirs.export(job) == before


def _taken_over(request: Any, own: queue_pb2.Job, theirs: queue_pb2.Job, worker_id: str) -> Iterator[Message]:
    """The request with an id of the other worker in each place that has one, alone and together but for the secret."""
    swaps = {own.export_id: theirs.export_id, own.artifact_prefix: theirs.artifact_prefix}
    for old, new in swaps.items():
        if old.encode() not in request.SerializeToString():
            continue
        yield type(request).FromString(request.SerializeToString().replace(old.encode(), new.encode()))
    if hasattr(request, "worker_id"):
        changed = type(request)()
        changed.CopyFrom(request)
        changed.worker_id = worker_id
        yield changed
