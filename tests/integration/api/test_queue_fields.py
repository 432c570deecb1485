"""The queue port is a boundary: every field of what workers send has a rule, and what breaks one is refused by name."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2
from services.api.rpc.queue.fields import MAX_MESSAGE_CHARACTERS, RULES, check
from services.contract.errors import InvalidRequest

EXPORT, LEASE, WORKER = "0189d3b0-0000-7000-8000-000000000000", "0" * 32, "0189d3b0-0000-4000-8000-000000000000"
LEAVES = {"Duration", "Timestamp"}


def fields() -> Iterator[str]:
    service = queue_pb2.DESCRIPTOR.services_by_name["JobQueueService"]
    for method in service.methods:
        yield from _of(method.input_type)


def _of(message: Any) -> Iterator[str]:
    for field in message.fields:
        yield f"{message.name}.{field.name}"
        if field.message_type and field.message_type.name not in LEAVES:
            yield from _of(field.message_type)


def test_every_field_has_a_rule_and_every_rule_a_field() -> None:
    assert set(fields()) == set(RULES)


def artifact(**changes: Any) -> queue_pb2.Artifact:
    sound = {"key": f"{EXPORT}/{LEASE}/a.csv", "sha256": "0" * 64, "media_type": "text/csv", "extension": "csv"}
    return queue_pb2.Artifact(**sound | changes)


def completion(stats: dict[str, Any] | None = None, **changes: Any) -> queue_pb2.CompleteJobRequest:
    told = {"matched_by": export_pb2.MATCHED_BY_COUNT, "consistency": export_pb2.CONSISTENCY_SNAPSHOT} | (stats or {})
    return queue_pb2.CompleteJobRequest(
        export_id=EXPORT, lease_id=LEASE, artifact=artifact(**changes), stats=queue_pb2.RunStats(**told)
    )


def heartbeat(progress: dict[str, Any] | None = None, **changes: Any) -> queue_pb2.HeartbeatRequest:
    lease = queue_pb2.LeaseReport(
        export_id=EXPORT, lease_id=LEASE, progress=export_pb2.Progress(**{"phase": "PHASE_WRITING"} | (progress or {}))
    )
    return queue_pb2.HeartbeatRequest(**{"worker_id": WORKER, "leases": [lease]} | changes)


def preview(**changes: Any) -> queue_pb2.FinishPreviewRequest:
    return queue_pb2.FinishPreviewRequest(**{"preview_id": WORKER, "rows": ['{"a": 1}']} | changes)


def failure(**changes: Any) -> queue_pb2.FailJobRequest:
    told = {"export_id": EXPORT, "lease_id": LEASE, "failure": queue_pb2.Failure(code="SOURCE_UNAVAILABLE")}
    return queue_pb2.FailJobRequest(**told | changes)


COUNTED = queue_pb2.RunStats(matched_by=export_pb2.MATCHED_BY_COUNT, consistency=export_pb2.CONSISTENCY_SNAPSHOT)


def warning(**changes: Any) -> export_pb2.Warning:
    return export_pb2.Warning(**{"code": "A", "message": "a", "count": 1} | changes)


def lease(names: Any = ("spec/1", "rows/sql/shop%20%C3%A9"), store_id: str = "") -> queue_pb2.LeaseJobsRequest:
    can = queue_pb2.Capabilities(names=names, store_id=store_id)
    return queue_pb2.LeaseJobsRequest(worker_id=WORKER, poll_id=WORKER, max_jobs=1, capabilities=can)


SOUND = [
    lease(),
    lease(names=["a"] * 4096, store_id=WORKER),
    completion(),
    heartbeat(),
    preview(),
    failure(),
    completion(stats={"warnings": [warning()]}),
]
IDS = ["", "a", "0" * 60_000, EXPORT.upper(), f"urn:uuid:{EXPORT}", f"{{{EXPORT}}}", EXPORT.replace("0", "\uff10")]
WRONG = [
    *((failure(export_id=text), "export_id") for text in IDS),
    *((failure(lease_id=text), "lease_id") for text in (*IDS, LEASE[1:], f"{LEASE}\n")),
    *((heartbeat(worker_id=text), "worker_id") for text in IDS),
    *((preview(preview_id=text), "preview_id") for text in IDS),
    *(
        (completion(extension=text), "artifact.extension")
        for text in ("", "/../../../../tmp/x", "a\r\nb", "x" * 5000, "CSV", ".csv", "a.b.c", "csv\n", "\u202ecsv")
    ),
    *(
        (completion(media_type=text), "artifact.media_type")
        for text in ("", "text", "a/b/c", "text/csv\r\nx: y", "é/a")
    ),
    *((completion(key=text), "artifact.key") for text in ("", "/etc/passwd", f"{EXPORT}/{LEASE}/../x", "x" * 300)),
    *((completion(sha256=text), "artifact.sha256") for text in ("", "0" * 63, "A" * 64, "0" * 64 + "\n")),
    (completion(size_bytes=-1), "artifact.size_bytes"),
    (completion(entry_count=-5), "artifact.entry_count"),
    (completion(entry_count=0, entries=[export_pb2.Entry(name="a")]), "artifact.entry_count"),
    (completion(entry_count=200, entries=[export_pb2.Entry(name="a")] * 101), "artifact.entries"),
    *(
        (completion(entry_count=1, entries=[export_pb2.Entry(name=name)]), "artifact.entries[0].name")
        for name in ("", "/a", "a//b", "../a", "a/./b", "x" * (2 << 20), "a\\b", "a\nb", "\u202ea")
    ),
    (completion(entry_count=1, entries=[export_pb2.Entry(name="a", size_bytes=-1)]), "artifact.entries[0].size_bytes"),
    (completion(stats={"rows_written": -1}), "stats.rows_written"),
    (completion(stats={"rows_matched": -1}), "stats.rows_matched"),
    (completion(stats={"as_of": Timestamp(seconds=2**60)}), "stats.as_of"),
    (completion(stats={"warnings": [warning()] * 101}), "stats.warnings"),
    (completion(stats={"warnings": [warning(message="x" * 100_000)]}), "stats.warnings"),
    (completion(stats={"warnings": [warning(count=0)]}), "stats.warnings[0].count"),
    (completion(stats={"warnings": [warning(code="a b")]}), "stats.warnings[0].code"),
    (heartbeat({"rows_written": -5}), "leases[0].progress.rows_written"),
    (heartbeat({"rows_total": -5}), "leases[0].progress.rows_total"),
    (heartbeat({"bytes_written": -5}), "leases[0].progress.bytes_written"),
    (heartbeat({"eta": Duration(seconds=-100)}), "leases[0].progress.eta"),
    (heartbeat({"eta": Duration(seconds=2**62)}), "leases[0].progress.eta"),
    (heartbeat(free_slots=-5), "free_slots"),
    (heartbeat(leases=[queue_pb2.LeaseReport()] * 257), "leases"),
    (failure(retry_after=Duration(nanos=-1)), "retry_after"),
    (failure(failure=queue_pb2.Failure(code="x" * 60_000)), "failure.code"),
    (queue_pb2.FailJobRequest(export_id=EXPORT, lease_id=LEASE), "failure"),
    (queue_pb2.CompleteJobRequest(export_id=EXPORT, lease_id=LEASE, stats=COUNTED), "artifact"),
    *((preview(rows=[row]), "rows[0]") for row in ("", "x", "[]", "1", '{"a": NaN}', "[" * 100_000, '{"a": 1} {}')),
    (preview(rows=["{}"] * 101), "rows"),
    (preview(rows=['{"a": "' + "x" * (6 << 20) + '"}']), "rows"),
    (preview(rows_total=-5), "rows_total"),
    (queue_pb2.LeaseJobsRequest(worker_id=WORKER, poll_id=WORKER, max_jobs=0), "max_jobs"),
    (queue_pb2.LeaseJobsRequest(worker_id=WORKER, poll_id=WORKER, max_jobs=1, wait=Duration(seconds=-1)), "wait"),
    *((lease(names=[name]), "capabilities.names[0]") for name in ("", "a b", "a\n", "é", "x" * 1025)),
    (lease(names=["a"] * 4097), "capabilities.names"),
    *((lease(store_id=text), "capabilities.store_id") for text in IDS if text),
    (queue_pb2.TakePreviewRequest(worker_id=WORKER, wait=Duration(seconds=-1)), "wait"),
    (queue_pb2.ReleaseJobsRequest(worker_id="x"), "worker_id"),
    (queue_pb2.WatchDirectivesRequest(worker_id="x"), "worker_id"),
]


@pytest.mark.parametrize("message", SOUND)
def test_what_a_worker_says_is_taken(message: Any) -> None:
    check(message)


@pytest.mark.parametrize(("message", "field"), WRONG)
def test_what_breaks_a_rule_is_refused_by_the_name_of_its_field(message: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(message)
    assert [v.field for v in refused.value.violations] == [field]
    assert len(str(refused.value)) < 500


def test_text_for_people_is_cut() -> None:
    told = failure(failure=queue_pb2.Failure(code="A", message="é" * 60_000))
    check(told)
    assert told.failure.message == "é" * MAX_MESSAGE_CHARACTERS


def test_so_wrong_a_message_is_given_up() -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(heartbeat(leases=[queue_pb2.LeaseReport(export_id="x" * 1000)] * 200))
    assert len(refused.value.violations) == 10
