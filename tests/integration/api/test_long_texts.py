"""Whatever is sent, in whichever field of whichever method: an answer and a line of the log repeat little of it."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import grpc
import pytest
import structlog
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_service_pb2, operator_service_pb2
from services.runtime import logs
from tests.integration.api.conftest import Api, until
from tests.integration.api.test_queue_fields import SOUND as OF_WORKERS
from tests.patience import PATIENCE_S
from tests.tiers import deep_but

MAX_HEADER_BYTES = 8192
"""What gRPC clients take of headers."""

MAX_LINE_BYTES = 4000
MAX_ANSWER_BYTES = 1000
SENT_BYTES = 60_000

SOUND = {
    "CreateExport": export_service_pb2.CreateExportRequest(uri="/shops/7/orders"),
    "PreviewExport": export_service_pb2.PreviewExportRequest(
        export=export_service_pb2.CreateExportRequest(uri="/shops/7/orders")
    ),
    **{type(message).__name__.removesuffix("Request"): message for message in OF_WORKERS},
}
"""What is right apart from the one field, where a method would else not come to look at it."""

SERVICES = {
    "exports": export_service_pb2.DESCRIPTOR.services_by_name["ExportService"],
    "operators": operator_service_pb2.DESCRIPTOR.services_by_name["OperatorService"],
    "jobs": queue_pb2.DESCRIPTOR.services_by_name["JobQueueService"],
}
METHODS = [(stub, method) for stub, service in SERVICES.items() for method in service.methods]
EXPECTED = {
    ("INVALID_ARGUMENT", "INVALID_REQUEST"),
    ("NOT_FOUND", "COLLECTION_NOT_FOUND"),
    ("FAILED_PRECONDITION", "LEASE_LOST"),  # text for people is cut, and then there is no such lease
}
TEXTS = {"letters": "x", "wide": "漢", "escapes": "\x1b"}


def with_each(message: Any, text: str) -> Iterator[str]:
    """Put `text` into each field of text in turn, at any depth; its path. `message` is as it was when that goes on."""
    for field in message.DESCRIPTOR.fields:
        kept = type(message)()
        kept.CopyFrom(message)
        if field.message_type and field.message_type.GetOptions().map_entry:
            for key, value in ((text, "a"), ("a", text)):
                getattr(message, field.name)[key] = value
                yield field.name
                message.CopyFrom(kept)
        elif field.message_type:
            inner = getattr(message, field.name)
            if field.is_repeated:
                inner = inner[0] if len(inner) else inner.add()
            else:
                inner.SetInParent()
            for path in with_each(inner, text):
                yield f"{field.name}.{path}"
            message.CopyFrom(kept)
        elif field.type == field.TYPE_STRING:
            if field.is_repeated:
                getattr(message, field.name)[:] = [text]
            else:
                setattr(message, field.name, text)
            yield field.name
            message.CopyFrom(kept)


def requests(method: Any, text: str) -> Iterator[tuple[str, Any]]:
    module = queue_pb2 if method.containing_service is SERVICES["jobs"] else None
    kinds = [m for m in (module, export_service_pb2, operator_service_pb2) if m and hasattr(m, method.input_type.name)]
    message = getattr(kinds[0], method.input_type.name)()
    if method.name in SOUND:
        message.CopyFrom(SOUND[method.name])
    for path in with_each(message, text):
        sent = type(message)()
        sent.CopyFrom(message)
        yield path, sent


@contextmanager
def logged() -> Iterator[None]:
    """Within a test: pytest takes stderr over again for each of its phases."""
    handlers = [*logging.getLogger().handlers]
    logs.configure("api", "json")
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


@pytest.mark.parametrize(("stub", "method"), METHODS, ids=lambda part: getattr(part, "name", part))
@pytest.mark.parametrize("kind", deep_but(TEXTS, "escapes"))
async def test_little_is_repeated(
    api: Api, capsys: pytest.CaptureFixture[str], stub: str, method: Any, kind: str
) -> None:
    text = TEXTS[kind] * (SENT_BYTES // len(TEXTS[kind].encode()))
    with logged():
        for path, message in requests(method, text):
            call = getattr(getattr(api, stub), method.name)(message, timeout=PATIENCE_S)
            try:
                answers = [await call] if isinstance(call, grpc.aio.UnaryUnaryCall) else [each async for each in call]
            except grpc.aio.AioRpcError as failed:
                check_refusal(failed, path)
            else:
                assert sum(answer.ByteSize() for answer in answers) <= MAX_ANSWER_BYTES, path
        await until(lambda: calls(api, method.name) == sum(1 for _ in requests(method, text)))
    written = capsys.readouterr().err.splitlines()
    assert len(written) >= sum(1 for _ in requests(method, text))
    for line in written:
        assert isinstance(json.loads(line), dict)
        assert len(line.encode()) <= MAX_LINE_BYTES


def calls(api: Api, method: str) -> float:
    """Those that were counted, and then written to the log."""
    samples = [each for metric in api.parts.metrics.registry.collect() for each in metric.samples]
    counted = [each for each in samples if each.name == "exportd_calls_total" and each.labels["method"] == method]
    return sum(each.value for each in counted)


def check_refusal(failed: grpc.aio.AioRpcError, path: str) -> None:
    status, info = rpc_status.from_call(failed), error_details_pb2.ErrorInfo()
    assert status is not None, f"{path}: {failed}"
    assert any(detail.Unpack(info) for detail in status.details)
    assert info.domain == "exportd"
    assert (failed.code().name, info.reason) in EXPECTED, path
    trailing = failed.trailing_metadata() or ()
    details = sum(len(key) + len(value) * (4 / 3 if isinstance(value, bytes) else 1) for key, value in trailing)
    assert details + len(quote(failed.details() or "")) <= MAX_HEADER_BYTES, path


def test_there_are_many_fields_of_text() -> None:
    found = {f"{method.name}.{path}" for _, method in METHODS for path, _ in requests(method, "x")}
    assert len(found) > 60
    assert {"CreateExport.labels", "CreateExport.csv.null_text", "CompleteJob.stats.warnings.message"} <= found
    assert {"PreviewExport.export.password", "Heartbeat.leases.lease_id", "RetryExport.password"} <= found
