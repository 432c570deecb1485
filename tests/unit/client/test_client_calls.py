"""ExportClient: its calls, its errors, its watch."""

from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from exportd.v1 import export_service_pb2 as service
from exportd_client import (
    AccessRefused,
    AlreadyExists,
    Column,
    Compression,
    CsvOptions,
    Exhausted,
    Export,
    ExportClient,
    ExportdError,
    FailedPrecondition,
    FileChanged,
    FileDamaged,
    InternalError,
    InvalidArgument,
    NotFound,
    Packaging,
    Patience,
    Unavailable,
    Unreachable,
    Violation,
    XlsxOptions,
)
from tests.unit.client.fake_export_service import SHUTTING_DOWN, FakeExportService, Refusal, Serving, eventually

HASTY = Patience(first_contact=0.05, outage=0.05, shortest=0.001, longest=0.01)


async def test_create_sends_every_field(client: ExportClient, fake: FakeExportService) -> None:
    await client.create(
        type="Invoices",
        query="entityId=42",
        format="xlsx",
        file_types=["invoice.cfdi.xml"],
        columns=["id", ("issuedAt", "Issued at"), Column(field="total")],
        time_zone="America/Mexico_City",
        xlsx=XlsxOptions(freeze_header=False, compact=True, long_text=XlsxOptions.LONG_TEXT_BUNDLE),
        packaging="zip",
        password="opensesame",
        labels={"team": "tax"},
        max_attempts=5,
        ttl=timedelta(days=1),
        filename="invoices",
        request_id="mine",
    )
    [request] = fake.asked(service.CreateExportRequest)
    assert request == service.CreateExportRequest(
        type="Invoices",
        query="entityId=42",
        format="FORMAT_XLSX",
        file_types=["invoice.cfdi.xml"],
        columns=[{"field": "id"}, {"field": "issuedAt", "header": "Issued at"}, {"field": "total"}],
        time_zone="America/Mexico_City",
        xlsx={"freeze_header": False, "compact": True, "long_text": "LONG_TEXT_BUNDLE"},
        packaging="PACKAGING_ZIP",
        password="opensesame",
        labels={"team": "tax"},
        max_attempts=5,
        ttl=timedelta(days=1),
        filename="invoices",
        request_id="mine",
    )


async def test_csv_options_and_compression_are_sent_as_they_are(client: ExportClient, fake: FakeExportService) -> None:
    dialect = CsvOptions(
        delimiter=";", bom=False, line_terminator=CsvOptions.LINE_TERMINATOR_LF, preset=CsvOptions.PRESET_EXCEL
    )
    await client.create("/invoices", format="csv", csv=dialect, compression="gzip")
    [request] = fake.asked(service.CreateExportRequest)
    assert (request.csv, request.compression) == (dialect, Compression.COMPRESSION_GZIP)
    assert not request.HasField("xlsx")


async def test_what_is_not_said_is_left_to_the_service(client: ExportClient, fake: FakeExportService) -> None:
    await client.create("/invoices", request_id="mine")
    assert fake.asked(service.CreateExportRequest) == [
        service.CreateExportRequest(uri="/invoices", request_id="mine"),
    ]


@pytest.mark.parametrize("name", ["ZIP", "Zip", "zip"])
async def test_names_are_known_in_letters_of_either_case(
    client: ExportClient, fake: FakeExportService, name: Any
) -> None:
    await client.create("/invoices", packaging=name)
    assert fake.asked(service.CreateExportRequest)[0].packaging == Packaging.PACKAGING_ZIP


@pytest.mark.parametrize(
    ("asked", "field", "what"),
    [
        ({"format": "xls"}, "format", "unknown 'xls': xlsx, csv, json, jsonl or parquet"),
        ({"packaging": "rar"}, "packaging", "unknown 'rar': auto, zip or separate"),
        ({"compression": "compression_unspecified"}, "compression", "none or gzip"),
        ({"columns": "id"}, "columns", "give a list"),
        ({"columns": [("id", "ID", "more")]}, "columns", "neither a field nor"),
        ({"password": ""}, "password", "is empty"),
    ],
)
async def test_what_can_not_be_sent_is_told_with_its_field(
    client: ExportClient, fake: FakeExportService, asked: dict[str, Any], field: str, what: str
) -> None:
    with pytest.raises(InvalidArgument, match=what) as caught:
        await client.create("/invoices", **asked)
    assert [violation.field for violation in caught.value.violations] == [field]
    assert fake.requests == []


async def test_a_password_that_can_not_be_sent_is_not_repeated(client: ExportClient) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await client.create("/invoices", password="opensesame\udc80")
    assert "sesame" not in str(caught.value)


async def test_create_is_repeated_with_one_request_id_and_makes_one_export(
    client: ExportClient, fake: FakeExportService
) -> None:
    fake.refusals["CreateExport"] = [SHUTTING_DOWN, SHUTTING_DOWN]
    fake.lost_answers = 2
    export = await client.create("/invoices")
    requests = fake.asked(service.CreateExportRequest)
    assert len(requests) == 5
    assert len({request.request_id for request in requests}) == 1
    assert list(fake.exports) == [export.id]


async def test_two_creates_have_two_request_ids(client: ExportClient) -> None:
    assert (await client.create("/invoices")).id != (await client.create("/invoices")).id


async def test_a_refused_create_is_not_repeated(client: ExportClient, fake: FakeExportService) -> None:
    fake.refusals["CreateExport"] = [Refusal("ALREADY_EXISTS", "REQUEST_ID_REUSED")]
    with pytest.raises(AlreadyExists):
        await client.create("/invoices", request_id="mine")
    assert len(fake.asked(service.CreateExportRequest)) == 1


@pytest.mark.parametrize("asked", [{}, {"uri": "/invoices", "type": "Invoices"}])
async def test_a_collection_is_named_in_exactly_one_way(client: ExportClient, asked: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument, match="either uri or type"):
        await client.create(**asked)


async def test_values_that_no_message_can_hold_are_invalid(client: ExportClient) -> None:
    with pytest.raises(InvalidArgument):
        await client.create("/invoices", max_attempts=2**40)


async def test_the_tenant_goes_with_every_call(serving: Serving, fake: FakeExportService) -> None:
    async with ExportClient(serving.target, "acme") as client:
        export = fake.with_file(b"rows")
        assert [seen.id async for seen in client.watch(export.id)] == [export.id]
        await client.collections()
    assert fake.tenants == {"acme"}


async def test_list_goes_through_all_pages(client: ExportClient, fake: FakeExportService) -> None:
    for _ in range(5):
        await client.create("/invoices")
    listed = [export.id async for export in client.list(page_size=2, states=["QUEUED"])]
    assert listed == list(reversed(fake.exports))
    assert len(fake.asked(service.ListExportsRequest)) == 3


async def test_every_page_of_a_history_and_of_deliveries_is_fetched(
    client: ExportClient, fake: FakeExportService
) -> None:
    fake.pages = 3
    assert [entry.version for entry in await client.transitions("any")] == [1, 2, 3]
    assert [delivery.run for delivery in await client.deliveries("any")] == [1, 2, 3]


async def test_get_cancel_delete_and_files(client: ExportClient, fake: FakeExportService) -> None:
    export = await client.create("/invoices")
    assert (await client.get(export.id)).state == Export.STATE_QUEUED
    assert (await client.cancel(export.id, only_if_queued=True)).state == Export.STATE_CANCELLED
    assert fake.asked(service.CancelExportRequest)[0].only_if_queued
    await client.delete(export.id)
    with pytest.raises(NotFound):
        await client.get(export.id)
    file = fake.with_file(b"rows").file
    assert await client.get_file(file.id) == file
    assert [one.type for one in await client.collections()] == ["Invoices"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("INVALID_ARGUMENT", InvalidArgument),
        ("OUT_OF_RANGE", InvalidArgument),
        ("UNAUTHENTICATED", AccessRefused),
        ("PERMISSION_DENIED", AccessRefused),
        ("NOT_FOUND", NotFound),
        ("ALREADY_EXISTS", AlreadyExists),
        ("FAILED_PRECONDITION", FailedPrecondition),
        ("ABORTED", FileChanged),
        ("DATA_LOSS", FileDamaged),
        ("RESOURCE_EXHAUSTED", Exhausted),
        ("INTERNAL", InternalError),
    ],
)
async def test_each_code_has_its_error(
    client: ExportClient, fake: FakeExportService, code: str, error: type[ExportdError]
) -> None:
    fake.refusals["GetExport"] = [Refusal(code, "SOME_REASON", "what to do", {"state": "QUEUED"})]
    with pytest.raises(error, match="what to do") as caught:
        await client.get("any")
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.reason) == (code, "SOME_REASON")
    assert caught.value.metadata == {"state": "QUEUED"}


async def test_violations_are_told_one_by_one(client: ExportClient, fake: FakeExportService) -> None:
    violations = {"uri": "unknown parameter", "ttl": "at least 1 minute"}
    fake.refusals["CreateExport"] = [Refusal("INVALID_ARGUMENT", "INVALID_REQUEST", violations=violations)]
    with pytest.raises(InvalidArgument) as caught:
        await client.create("/invoices")
    assert caught.value.violations == (
        Violation("uri", "unknown parameter"),
        Violation("ttl", "at least 1 minute"),
    )


async def test_the_service_says_when_to_come_back(serving: Serving, fake: FakeExportService) -> None:
    fake.refusals["GetExport"] = [
        Refusal("UNAVAILABLE", "STORE_UNAVAILABLE", retry_after=0.5)
    ] * 3  # the channel retries
    async with ExportClient(serving.target, patience=HASTY) as client:
        with pytest.raises(Unavailable) as caught:
            await client.get("any")
    assert caught.value.retry_after == 0.5
    assert not isinstance(caught.value, Unreachable)


async def test_too_many_streams_passes_and_a_quota_does_not(client: ExportClient, fake: FakeExportService) -> None:
    export = fake.with_file(b"rows")
    fake.refusals["WatchExport"] = [Refusal("RESOURCE_EXHAUSTED", "TOO_MANY_STREAMS", retry_after=0.01)]
    assert [seen.id async for seen in client.watch(export.id)] == [export.id]
    fake.refusals["CreateExport"] = [Refusal("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", retry_after=0.01)]
    with pytest.raises(Exhausted):
        await client.create("/invoices")


async def test_nobody_there_is_unreachable(serving: Serving) -> None:
    await serving.stop()
    async with ExportClient(serving.target, patience=HASTY) as client:
        with pytest.raises(Unreachable, match=serving.target):
            await client.get("any")
        with pytest.raises(Unreachable):
            _ = [export async for export in client.watch("any")]


async def test_an_error_tells_the_request_id_that_was_sent_whether_an_answer_came_or_not(
    serving: Serving, fake: FakeExportService
) -> None:
    def sent() -> list[str]:
        return [metadata["x-request-id"] for _, metadata, _ in fake.calls]

    async with ExportClient(serving.target, patience=HASTY) as client:
        fake.refusals["GetExport"] = [Refusal("NOT_FOUND", "EXPORT_NOT_FOUND")]
        with pytest.raises(NotFound) as refused:
            await client.get("any")
        assert [refused.value.request_id] == sent()
        fake.refusals["WatchExport"] = [Refusal("NOT_FOUND", "EXPORT_NOT_FOUND")]
        with pytest.raises(NotFound) as ended:
            _ = [export async for export in client.watch("any")]
        assert ended.value.request_id == sent()[-1] != sent()[0]
        fake.lost_answers = 100
        with pytest.raises(Unreachable) as lost:
            await client.create("/invoices")
        assert lost.value.request_id == sent()[-1]
    assert len({*sent()}) >= 3


async def test_a_client_works_within_async_with_only() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await ExportClient().get("any")


def test_a_tenant_that_no_header_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        ExportClient(tenant="Müller")


async def test_watch_shows_each_change_and_ends_when_the_export_is_done(
    client: ExportClient, fake: FakeExportService
) -> None:
    export = await client.create("/invoices")
    seen = []
    async for change in client.watch(export.id):
        seen.append(change.state)
        following = {Export.STATE_QUEUED: Export.STATE_PROCESSING, Export.STATE_PROCESSING: Export.STATE_COMPLETED}.get(
            change.state
        )
        if following:
            await fake.change(export.id, state=following)
    assert seen == [Export.STATE_QUEUED, Export.STATE_PROCESSING, Export.STATE_COMPLETED]


async def test_watch_goes_on_after_cuts_and_repeats_nothing(client: ExportClient, fake: FakeExportService) -> None:
    export = await client.create("/invoices")
    fake.cut_watches_after = [1, 1, 2]
    fake.refusals["WatchExport"] = [SHUTTING_DOWN]
    versions = []
    async for change in client.watch(export.id):
        versions.append(change.version)
        await fake.change(export.id, state=Export.STATE_COMPLETED if change.version == 5 else Export.STATE_PROCESSING)
    assert versions == [1, 2, 3, 4, 5, 6]


async def test_watch_survives_a_restart_of_the_service(
    client: ExportClient, serving: Serving, fake: FakeExportService
) -> None:
    export = await client.create("/invoices")
    states = []
    async with aclosing(client.watch(export.id)) as changes:
        states.append((await anext(changes)).state)
        await serving.stop()
        await fake.change(export.id, state=Export.STATE_COMPLETED)
        await serving.start()
        states += [change.state async for change in changes]
    assert states == [Export.STATE_QUEUED, Export.STATE_COMPLETED]


async def test_watch_ends_when_the_export_is_deleted(client: ExportClient, fake: FakeExportService) -> None:
    export = await client.create("/invoices")
    fake.cut_watches_after = [1]
    async with aclosing(client.watch(export.id)) as changes:
        await anext(changes)
        await client.delete(export.id)
        with pytest.raises(NotFound):
            await anext(changes)


async def test_a_watch_that_is_left_ends_the_call(client: ExportClient, fake: FakeExportService) -> None:
    export = await client.create("/invoices")
    async with aclosing(client.watch(export.id)) as changes:
        await anext(changes)
        assert fake.watchers == 1
    await eventually(lambda: fake.watchers == 0)
