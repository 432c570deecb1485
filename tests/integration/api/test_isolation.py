"""With keys: no RPC shows a tenant what is another's, and no field of any RPC is too strange for the api."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from exportd.v1 import export_pb2, link_service_pb2
from exportd.v1 import export_service_pb2 as pb2
from exportd.v1.link_service_pb2_grpc import LinkServiceStub
from services.api.domain.keys import Holder, Scope
from services.api.settings import ApiSettings
from services.api.usecases.keys import Keys, NewKey
from services.api.world import World
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.refusals import Refusal, refused
from tests.integration.api.test_keys import METHODS, keys
from tests.patience import PATIENCE_S
from tests.tiers import deep_but

__all__ = ["keys"]
TENANT, LABEL = "tenant-of-the-others", "label-of-the-others"
UNKNOWN = {
    "export_id": "01912345-0000-7000-8000-000000000000",
    "since_export": "01912345-0000-7000-8000-000000000000",
    "file_id": "01912345-0000-7000-8000-000000000001",
    "delivery_id": f"msg_{0:032x}",
    "key_id": "0" * 10,
    "link_id": "0" * 10,
    "prefix": "01912345-0000",
    "tenant": "nobody",
    "request_id": "never-used",
    "resource_id": "01912345-0000-7000-8000-000000000000",
    "principal": "key:0000000000",
}
"""Names of fields that name something of a tenant, with what is nobody's."""

CREATE = pb2.CreateExportRequest(
    uri="/shops/7/orders",
    format=export_pb2.FORMAT_CSV,
    labels={"of": LABEL},
    request_id="request-of-the-others",
    callback_url="https://receiver.example/",
)
Metadata = list[tuple[str, str]]


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock) -> AsyncIterator[Api]:
    settings = replace(settings, waits=replace(settings.waits, preview_taken_s=0.001))
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


@dataclass(frozen=True)
class Theirs:
    """What another tenant has: by the fields that name it, and all that must be shown to nobody else."""

    key: Metadata
    named: dict[str, str]

    @property
    def marks(self) -> list[bytes]:
        shown = {**self.named, "label": LABEL}
        return [text.encode() for name, text in shown.items() if name not in ("prefix", "request_id")]


@pytest.fixture
async def theirs(api: Api, keys: Keys) -> Theirs:
    """An export that is built and announced, one that runs, one that waits; a key."""
    key, text = await keys.create(NewKey(Holder.CALLER, TENANT, label=LABEL, scopes=frozenset(Scope)))
    metadata = [("x-api-key", text)]
    export = await api.exports.CreateExport(CREATE, metadata=metadata)
    await Worker(api).build(b"id,issuedAt\n")
    export = await api.exports.GetExport(pb2.GetExportRequest(export_id=export.id), metadata=metadata)
    for number in range(2):
        more = pb2.CreateExportRequest(request_id=f"more-{number}")
        more.MergeFrom(pb2.CreateExportRequest(uri=CREATE.uri, format=CREATE.format, labels=CREATE.labels))
        await api.exports.CreateExport(more, metadata=metadata)
    await Worker(api).lease()
    deliveries = await _tried(api, export.id, metadata)
    named = {
        "export_id": export.id,
        "since_export": export.id,
        "file_id": export.file.id,
        "delivery_id": deliveries.deliveries[0].id,
        "key_id": key.id,
        "link_id": await _link(api, export.id, metadata),
        "prefix": export.id,
        "tenant": TENANT,
        "request_id": CREATE.request_id,
        "resource_id": export.id,
        "principal": f"key:{key.id}",
    }
    return Theirs(metadata, named)


async def _tried(api: Api, export_id: str, metadata: Metadata) -> pb2.ListDeliveriesResponse:
    """The notifications after their first try: its outcome, which comes at any time, must not look like a change."""
    request = pb2.ListDeliveriesRequest(export_id=export_id)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            listed = await api.exports.ListDeliveries(request, metadata=metadata)
            if all(each.try_count for each in listed.deliveries):
                return listed
            await asyncio.sleep(0.01)  # between two looks


async def _link(api: Api, export_id: str, metadata: Metadata) -> str:
    request = link_service_pb2.CreateDownloadLinkRequest(export_id=export_id, label=LABEL)
    async with grpc.aio.insecure_channel(api.target) as channel:
        made = await LinkServiceStub(channel).CreateDownloadLink(request, metadata=metadata)
        return str(made.link.id)


@pytest.fixture
async def ours(keys: Keys) -> Metadata:
    """A key of another tenant, with every scope there."""
    return [("x-api-key", (await keys.create(NewKey(Holder.CALLER, "ours", scopes=frozenset(Scope))))[1])]


def requests(method: MethodDescriptor, named: dict[str, str]) -> Iterator[tuple[str, Message]]:
    """One for each field of the method that names something, by the field; one that names nothing without any."""
    message = GetMessageClass(method.input_type)
    paths = [*_naming(method.input_type)]
    if not paths:
        yield "", message()
    for path in paths:
        request = base = message()
        for part in path[:-1]:
            base = getattr(base, part)
        if isinstance(base, pb2.CreateExportRequest):
            base.MergeFrom(pb2.CreateExportRequest(uri=CREATE.uri, format=CREATE.format))
        setattr(base, path[-1], named[path[-1]])
        yield path[-1], request


def _naming(of: Any) -> Iterator[tuple[str, ...]]:
    for field in of.fields:
        if field.name in UNKNOWN and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            yield (field.name,)
        elif field.name == "export" and field.message_type is not None:
            yield from ((field.name, *path) for path in _naming(field.message_type))


async def answered(api: Api, name: str, request: Message, metadata: Metadata) -> bytes | Refusal:
    """What came back: bytes, or why nothing did."""
    async with grpc.aio.insecure_channel(api.target) as channel:
        kind = channel.unary_stream if METHODS[name].server_streaming else channel.unary_unary
        call = kind(name)(request.SerializeToString(), metadata=metadata, timeout=PATIENCE_S)

        async def answer() -> bytes:
            return await call.read() if METHODS[name].server_streaming else await call

        try:
            got = await answer()
        except grpc.aio.AioRpcError as error:
            return await refused(_raised(error))
        return b"" if got is grpc.aio.EOF else bytes(got)


async def _raised(error: grpc.aio.AioRpcError) -> None:
    raise error


@pytest.mark.parametrize("name", sorted(METHODS))
async def test_nothing_of_another_tenant_is_shown_changed_or_even_there(
    api: Api, theirs: Theirs, ours: Metadata, name: str
) -> None:
    before = await _everything(api, theirs)
    nobodys = dict(requests(METHODS[name], UNKNOWN))
    for field, request in requests(METHODS[name], theirs.named):
        got = await answered(api, name, request, ours)
        if isinstance(got, Refusal):
            unknown = await answered(api, name, nobodys[field], ours)
            assert isinstance(unknown, Refusal), field
            told = got.message.replace(theirs.named.get(field, "\0"), UNKNOWN.get(field, "\0"))
            assert (got.code, got.reason, told) == (unknown.code, unknown.reason, unknown.message), field
        else:
            assert [mark for mark in theirs.marks if mark in got] == [], field
    assert await _everything(api, theirs) == before


async def _everything(api: Api, theirs: Theirs) -> list[bytes]:
    """As its own tenant sees it."""
    listed = await api.exports.ListExports(pb2.ListExportsRequest(), metadata=theirs.key)
    deliveries = await api.exports.ListDeliveries(
        pb2.ListDeliveriesRequest(export_id=theirs.named["export_id"]), metadata=theirs.key
    )
    request = link_service_pb2.ListDownloadLinksRequest(export_id=theirs.named["export_id"])
    async with grpc.aio.insecure_channel(api.target) as channel:
        links = await LinkServiceStub(channel).ListDownloadLinks(request, metadata=theirs.key)
    return [each.SerializeToString(deterministic=True) for each in (listed, deliveries, links)]


# ---- strange values

STRANGE: dict[int, list[Any]] = {
    FieldDescriptor.TYPE_STRING: [
        "\0",
        "../../etc/passwd",
        "' OR 1=1 --",
        "%s%n{0}",
        "é\u202e\uffff",
        "x" * 9000,
        "=1+1",
    ],
    FieldDescriptor.TYPE_BYTES: [b"\xff\0", b"x" * 9000],
    FieldDescriptor.TYPE_BOOL: [True],
    FieldDescriptor.TYPE_INT32: [-(2**31), -1, 2**31 - 1],
    FieldDescriptor.TYPE_INT64: [-(2**63), -1, 2**63 - 1],
    FieldDescriptor.TYPE_UINT32: [2**32 - 1],
    FieldDescriptor.TYPE_UINT64: [2**64 - 1],
    FieldDescriptor.TYPE_DOUBLE: [float("nan"), float("-inf")],
    FieldDescriptor.TYPE_ENUM: [-1, 99, 2**31 - 1],
}
MAX_DEPTH = 3
REFUSED = {
    *("INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE", "PERMISSION_DENIED", "ALREADY_EXISTS"),
    "UNAVAILABLE",
}
"""The last one: no worker is there for a preview."""


def strange(of: Any, depth: int = 0) -> Iterator[Message]:
    """Messages of a type, each with one strange value in one field."""
    message = GetMessageClass(of)
    for field in of.fields:
        if field.type != FieldDescriptor.TYPE_MESSAGE:
            yield from (_with(message(), field, value) for value in STRANGE[field.type])
        elif field.message_type.GetOptions().map_entry:
            yield from (message(**{field.name: {text: text}}) for text in STRANGE[FieldDescriptor.TYPE_STRING])
        elif depth < MAX_DEPTH:
            yield from (_with(message(), field, inner) for inner in strange(field.message_type, depth + 1))


def _with(message: Message, field: Any, value: Any) -> Message:
    if field.is_repeated:
        getattr(message, field.name).extend([value] * 3)
    elif isinstance(value, Message):
        getattr(message, field.name).CopyFrom(value)
    else:
        setattr(message, field.name, value)
    return message


MANY_FIELDS = [f"/exportd.v1.{name}" for name in ("ExportService/CreateExport", "OperatorService/ListAuditEntries")]


@pytest.mark.parametrize("name", deep_but(sorted(METHODS), *MANY_FIELDS))
async def test_no_field_of_a_call_with_a_key_is_too_strange(
    api: Api, ours: Metadata, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for request in strange(METHODS[name].input_type):
        got = await answered(api, name, request, ours)
        assert not isinstance(got, Refusal) or got.code in REFUSED, request
    said = capsys.readouterr()
    assert "call_failed" not in said.out + said.err
