"""Every list is paged, and no page is larger than what clients receive, whatever the largest legal entries are."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from exportd.v1 import export_pb2, export_service_pb2, link_service_pb2, operator_service_pb2
from services.api.catalog.definition.keys import MAX_COLLECTION_BYTES
from services.api.catalog.resolve import MAX_QUERY_BYTES, MAX_URI_BYTES
from services.api.domain.audit import MAX_DETAILS, MAX_TEXT_CHARACTERS
from services.api.domain.export import MAX_CODE_CHARACTERS, MAX_ERRORS, MAX_MESSAGE_CHARACTERS
from services.api.domain.filenames import MAX_NAME_BYTES
from services.api.domain.history import MAX_REASON_CHARACTERS
from services.api.domain.notifications import MAX_OUTCOME_CHARACTERS, MAX_TRIES_KEPT
from services.api.requests.plan import MAX_LABEL_BYTES, MAX_LABELS
from services.api.rpc.encode import MAX_LIST_ITEMS
from services.api.rpc.pages import MAX_PAGE_BYTES, MAX_PAGE_SIZE, Asked, Pages, fetched_from
from services.api.rpc.queue.fields import MAX_PREVIEW_BYTES
from services.api.secrets.page_tokens import PageTokens
from services.api.secrets.server_keys import ServerKeys
from services.contract.errors import InvalidRequest
from services.runtime.channels import MAX_REQUEST_BYTES

NOW = datetime(2026, 1, 31, tzinfo=UTC)
PAGES = Pages(PageTokens(ServerKeys.of(bytes(32)), lambda: NOW))
CLIENTS_RECEIVE_BYTES = 4 << 20
UTF8 = 4
COLUMN_BYTES = 64
"""Of a column in a collection: its texts, and what frames them."""

SERVICES = [
    file.DESCRIPTOR.services_by_name[name]
    for file, name in (
        (export_service_pb2, "ExportService"),
        (operator_service_pb2, "OperatorService"),
        (link_service_pb2, "LinkService"),
    )
]
SINGLE = {"Export", "File", "Collection", "Delivery", "PreviewExportResponse", "Worker", "FindIdsResponse", "Usage"}
"""Answers that are one thing: what they list is bounded by itself."""

LISTS = [
    method
    for service in SERVICES
    for method in service.methods
    if not method.server_streaming
    and method.output_type.name not in SINGLE
    and any(field.is_repeated and field.message_type for field in method.output_type.fields)
]

ITEMS = {
    "Export.file_types": 1000,
    "Export.labels": MAX_LABELS,
    "Export.warnings": MAX_LIST_ITEMS,
    "Result.errors": MAX_ERRORS,
    "Result.warnings": MAX_LIST_ITEMS,
    "ExportOptions.columns": MAX_COLLECTION_BYTES // COLUMN_BYTES,
    "File.entries": 0,
    "Delivery.tries": MAX_TRIES_KEPT,
    "Worker.problems": MAX_LIST_ITEMS,
    "AuditEntry.details": MAX_DETAILS,
    "Collection.formats": 5,
    "Collection.file_types": 100,
    "Collection.parameters": 20,
    "Collection.columns": MAX_COLLECTION_BYTES // COLUMN_BYTES,
}
BYTES = {
    "Export.uri": MAX_URI_BYTES,
    "Export.file_types": MAX_REQUEST_BYTES // 1000,
    "Export.callback_url": 2048,
    "Export.notify_email": 254,
    "DetailsEntry.key": 20,
    "DetailsEntry.value": 4 * MAX_TEXT_CHARACTERS,
    "LabelsEntry.key": 64,
    "LabelsEntry.value": MAX_LABEL_BYTES,
    "ExportOptions.query": 10 * MAX_QUERY_BYTES,  # in canonical form
    "ExportOptions.filename": MAX_NAME_BYTES,
    "File.filename": 255,
    "JobError.code": MAX_CODE_CHARACTERS,
    "JobError.message": MAX_MESSAGE_CHARACTERS * UTF8,
    "Warning.message": MAX_MESSAGE_CHARACTERS * UTF8,
    "Transition.reason": MAX_REASON_CHARACTERS * UTF8,
    "Delivery.target": 2048,
    "Try.outcome": MAX_OUTCOME_CHARACTERS * UTF8,
    "Collection.description": 1000 * UTF8,
    "Column.field": 16,
    "Column.header": 16,
    "CollectionColumn.field": 16,
    "CollectionColumn.header": 16,
}
USUAL_BYTES = 128
"""Of a text that the service or the catalog gives: an id, a code, a path."""


def largest(descriptor: Descriptor) -> Message:
    """The message with as much in it as may be; a field with a list and no bound in ITEMS fails."""
    message: Message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        name = f"{descriptor.name}.{field.name}"
        if not field.is_repeated:
            _fill(message, field, name)
        elif field.message_type is not None and field.message_type.GetOptions().map_entry:
            for number in range(ITEMS[name]):
                entry = field.message_type.name
                key = f"{number:0{BYTES[f'{entry}.key']}}"
                getattr(message, field.name)[key] = "v" * BYTES[f"{entry}.value"]
        elif field.message_type is not None:
            getattr(message, field.name).extend([largest(field.message_type)] * ITEMS[name])
        else:
            getattr(message, field.name).extend([_value(field, name)] * ITEMS[name])
    return message


def _fill(message: Message, field: FieldDescriptor, name: str) -> None:
    if field.message_type is not None:
        getattr(message, field.name).CopyFrom(largest(field.message_type))
    else:
        setattr(message, field.name, _value(field, name))


def _value(field: FieldDescriptor, name: str) -> Any:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return "x" * BYTES.get(name, USUAL_BYTES)
        case FieldDescriptor.CPPTYPE_INT64:
            return 2**63 - 1
        case FieldDescriptor.CPPTYPE_INT32:
            return 2**31 - 1
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case FieldDescriptor.CPPTYPE_DOUBLE:
            return 1.0
        case FieldDescriptor.CPPTYPE_ENUM:
            return field.enum_type.values[-1].number
    raise AssertionError(f"{name} has a type that this test does not know")


def test_the_lists_are_those_that_there_are() -> None:
    names = {method.name for method in LISTS}
    assert {name for service in SERVICES for name in service.methods_by_name if name.startswith("List")} <= names
    assert "GetQueue" in names


@pytest.mark.parametrize("method", LISTS, ids=lambda method: method.name)
def test_every_list_is_paged(method: Any) -> None:
    assert {"page_size", "page_token"} <= {*method.input_type.fields_by_name}
    assert "next_page_token" in method.output_type.fields_by_name


@pytest.mark.parametrize("method", LISTS, ids=lambda method: method.name)
async def test_a_page_of_the_largest_entries_is_what_clients_receive(method: Any) -> None:
    (field,) = [field for field in method.output_type.fields if field.is_repeated]
    entry, found = largest(field.message_type), [f"{number:03}" for number in range(50)]
    request = GetMessageClass(method.input_type)(page_size=MAX_PAGE_SIZE)
    shown = 0
    while shown < len(found):
        page, token = await PAGES.filled(PAGES.asked(request), fetched_from(found, str), lambda _: entry, str)
        answer = GetMessageClass(method.output_type)(**{field.name: page}, next_page_token=token)
        assert page
        assert answer.ByteSize() < CLIENTS_RECEIVE_BYTES
        shown += len(page)
        assert bool(token) == (shown < len(found))
        request.page_token = token


def test_a_preview_of_the_largest_rows_is_what_clients_receive() -> None:
    answer = export_service_pb2.PreviewExportResponse(rows=["r" * MAX_PREVIEW_BYTES], query="q" * 10 * MAX_QUERY_BYTES)
    widest: Any = largest(export_service_pb2.Collection.DESCRIPTOR)
    answer.columns.extend(widest.columns)
    answer.warnings.extend([export_pb2.Warning(code="C" * 64, message="m" * 400, count=2**63 - 1)] * MAX_LIST_ITEMS)
    assert answer.ByteSize() < CLIENTS_RECEIVE_BYTES


async def walked(ids: list[str], size: int, entry_bytes: int = 0) -> list[list[str]]:
    """Every page of a list of exports."""
    request, walk = export_service_pb2.ListExportsRequest(page_size=size), []
    while True:
        page, token = await PAGES.filled(
            PAGES.asked(request, "acme"),
            fetched_from(ids, str),
            lambda id_: export_pb2.Export(id=id_, uri="u" * entry_bytes),
            str,
        )
        walk.append([export.id for export in page])
        if not token:
            return walk
        request.page_token = token


@pytest.mark.parametrize("count", [0, 1, 2, 3, 99, 100, 101, 250])
@pytest.mark.parametrize("size", [1, 2, 99, 100, 101, 1000])
async def test_pages_hold_each_entry_once_in_order(count: int, size: int) -> None:
    ids = [f"{number:04}" for number in range(count)]
    walk = await walked(ids, size)
    assert [id_ for page in walk for id_ in page] == ids
    assert all(len(page) == size for page in walk[:-1])


async def test_a_page_that_is_full_by_its_bytes_goes_on_where_it_ended() -> None:
    ids = [f"{number:04}" for number in range(120)]
    walk = await walked(ids, 1000, entry_bytes=60_000)
    assert [len(page) for page in walk] == [52, 52, 16]
    assert [id_ for page in walk for id_ in page] == ids


async def test_an_entry_that_is_larger_than_a_page_is_a_page() -> None:
    assert await walked(["1", "2"], 10, entry_bytes=MAX_PAGE_BYTES) == [["1"], ["2"]]


async def test_a_page_that_found_nothing_may_be_followed_by_another() -> None:
    """As a list of exports: the store looks at so many of them, and no further."""

    async def fetch(after: str, _count: int) -> tuple[list[str], str]:
        return ([], "looked at") if not after else (["1"], "")

    request = export_service_pb2.ListExportsRequest()
    page, token = await PAGES.filled(PAGES.asked(request), fetch, lambda id_: export_pb2.Export(id=id_), str)
    assert page == []
    request.page_token = token
    page, token = await PAGES.filled(PAGES.asked(request), fetch, lambda id_: export_pb2.Export(id=id_), str)
    assert ([export.id for export in page], token) == (["1"], "")


@pytest.mark.parametrize("size", [-1, -(2**31)])
def test_a_negative_page_size_is_refused_by_name(size: int) -> None:
    with pytest.raises(InvalidRequest) as refused:
        PAGES.asked(export_service_pb2.ListExportsRequest(page_size=size))
    assert [violation.field for violation in refused.value.violations] == ["page_size"]


OTHERS = [
    (export_service_pb2.ListExportsRequest(states=["STATE_FAILED"]), "acme"),
    (export_service_pb2.ListExportsRequest(states=["STATE_QUEUED", "STATE_FAILED"], type="T"), "acme"),
    (export_service_pb2.ListExportsRequest(states=["STATE_QUEUED", "STATE_FAILED"]), "other"),
    (export_service_pb2.ListTransitionsRequest(), "acme"),
]


@pytest.mark.parametrize(("request_", "tenant"), OTHERS)
async def test_a_token_belongs_to_its_list_its_tenant_and_its_filters(request_: Any, tenant: str) -> None:
    first = export_service_pb2.ListExportsRequest(page_size=1, states=["STATE_QUEUED", "STATE_FAILED"])
    asked = PAGES.asked(first, "acme")
    _, token = await PAGES.filled(asked, fetched_from(["1", "2"], str), lambda id_: export_pb2.Export(id=id_), str)
    same = export_service_pb2.ListExportsRequest(
        page_size=7, page_token=token, states=["STATE_FAILED", "STATE_QUEUED", "STATE_FAILED"]
    )
    assert PAGES.asked(same, "acme") == Asked(7, "1", asked.bound_to)
    other = type(request_)(page_token=token)
    other.MergeFrom(request_)
    with pytest.raises(InvalidRequest) as refused:
        PAGES.asked(other, tenant)
    assert [violation.field for violation in refused.value.violations] == ["page_token"]
