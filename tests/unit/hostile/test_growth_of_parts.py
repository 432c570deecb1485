"""Many parts, none of them long: four times as many, four times the work."""

from collections.abc import Callable
from typing import Any

import pytest

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2
from exportd.v1 import export_service_pb2 as pb2
from services.api.rpc import decode, unknown_fields
from services.api.rpc.queue import fields
from services.runtime import logs
from tests.integration.api.test_queue_fields import EXPORT, LEASE, WORKER, artifact
from tests.unit.hostile.parsers import planned, wide_catalog
from tests.unit.hostile.work import lines

FEW, TIMES = 60, 4
SLACK = 2000
"""Lines: what a few wrong names cost."""


def create(**fields: Any) -> object:
    return planned(wide_catalog(), pb2.CreateExportRequest(**{"type": "Wide", "query": "entityId=1"} | fields))


def completion(**fields: Any) -> queue_pb2.CompleteJobRequest:
    stats = queue_pb2.RunStats(warnings=fields.pop("warnings", ()))
    return queue_pb2.CompleteJobRequest(export_id=EXPORT, lease_id=LEASE, artifact=artifact(**fields), stats=stats)


def held(count: int) -> list[queue_pb2.LeaseReport]:
    return [queue_pb2.LeaseReport(export_id=EXPORT, lease_id=f"{n:032x}") for n in range(count)]


def with_unknown(count: int) -> pb2.ListExportsRequest:
    message = pb2.ListExportsRequest()
    message.MergeFromString(b"\xf8\x3f\x01" * count)
    return message


PARTS: dict[str, Callable[[int], object]] = {
    "labels": lambda n: create(labels={f"a{i}": "b" for i in range(n)}),
    "wrong labels": lambda n: create(labels={f"A{i}": "b" * 300 for i in range(n)}),
    "file types": lambda n: create(file_types=[f"x{i}" for i in range(n)]),
    "one file type": lambda n: create(file_types=["x"] * n),
    "columns": lambda n: create(columns=[export_pb2.Column(field="n", header=f"h{i}") for i in range(n)]),
    "unknown columns": lambda n: create(columns=[export_pb2.Column(field=f"x{i}") for i in range(n)]),
    "alternatives": lambda n: create(query="entityId=1&" + "&".join(f"n[between]={i}..{i + 1}" for i in range(n))),
    "values": lambda n: create(query="entityId=1&" + "&".join(f"s[]={i}" for i in range(n))),
    "terms of an order": lambda n: create(query="entityId=1&" + "&".join(["order[n]=asc"] * n)),
    "unknown fields": lambda n: unknown_fields.refuse(with_unknown(n)),
    "labels of a list": lambda n: decode.export_filter(pb2.ListExportsRequest(labels={f"a{i}": "b" for i in range(n)})),
    "states of a list": lambda n: decode.export_filter(pb2.ListExportsRequest(states=[1] * n)),
    "entries": lambda n: fields.check(completion(entries=[{"name": f"a/{i}.pdf"} for i in range(n)], entry_count=n)),
    "warnings": lambda n: fields.check(completion(warnings=[{"code": "A", "count": 1} for _ in range(n)])),
    "leases": lambda n: fields.check(queue_pb2.HeartbeatRequest(worker_id=WORKER, leases=held(n))),
    "rows": lambda n: fields.check(queue_pb2.FinishPreviewRequest(preview_id=WORKER, rows=['{"a": [1]}'] * n)),
    "a row": lambda n: fields.check(queue_pb2.FinishPreviewRequest(preview_id=WORKER, rows=[f"[{'[],' * n}[]]"])),
    "a deep row": lambda n: fields.check(queue_pb2.FinishPreviewRequest(preview_id=WORKER, rows=["[" * n])),
    "a name with many steps": lambda n: fields.check(completion(entries=[{"name": "a/" * n + "b"}], entry_count=1)),
    "a line of the log": lambda n: logs.cut({"event": "e", "many": [{"a": ["b"] * n}] * n}),
}


@pytest.mark.parametrize("name", PARTS)
def test_the_lines_that_run_grow_as_the_parts_do(name: str) -> None:
    few = lines(lambda _: PARTS[name](FEW), "", most=1_000_000)
    assert few > 3
    bound = round(1.5 * TIMES * few) + SLACK
    assert lines(lambda _: PARTS[name](TIMES * FEW), "", most=bound + 1) <= bound
