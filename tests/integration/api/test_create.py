import asyncio

import pytest
from google.protobuf.duration_pb2 import Duration

from exportd.v1 import export_pb2, export_service_pb2
from services.api.settings import ApiSettings
from tests.integration.api.conftest import Api, Worker
from tests.integration.api.refusals import refused


async def test_a_created_export_is_queued_with_everything_echoed(api: Api) -> None:
    uri = "/shops/7/orders?issuedAt[after]=2026-01-01"
    export = await api.create(uri, labels={"team": "audit"}, file_types=["order.pdf"], max_attempts=5)
    assert export.uri == uri
    assert (export.type, export.state, export.done) == ("Orders", export_pb2.Export.STATE_QUEUED, False)
    assert (export.version, export.run, export.attempt, export.max_attempts) == (1, 1, 0, 5)
    assert dict(export.labels) == {"team": "audit"}
    assert list(export.file_types) == ["order.pdf"]
    assert export.options.query == "issuedAt[after]=2026-01-01T00:00:00Z"
    assert export.options.ttl.ToSeconds() == 7 * 86400
    assert not export.HasField("file")
    assert not export.HasField("result")


async def test_without_a_format_it_is_json(api: Api) -> None:
    export = await api.create(format=export_pb2.FORMAT_UNSPECIFIED)
    assert export.format == export_pb2.FORMAT_JSON


async def test_by_type_path_parameters_are_given_by_name(api: Api) -> None:
    request = export_service_pb2.CreateExportRequest(type="Orders", query="shopId=7")
    export = await api.exports.CreateExport(request)
    assert (export.uri, export.type) == ("", "Orders")


async def test_the_warning_of_a_bare_date_is_on_the_export(api: Api) -> None:
    export = await api.create("/shops/7/orders?issuedAt[before]=2026-01-31")
    assert [w.code for w in export.warnings] == ["BARE_DATE_IN_BEFORE"]


async def test_everything_wrong_is_named_at_once(api: Api) -> None:
    refusal = await refused(
        api.create(
            "/shops/7/orders?isuedAt[after]=2026-01-01",
            request_id="two words",
            ttl=Duration(seconds=1),
            max_attempts=11,
            labels={"UPPER": "x" * 300},
            file_types=["order.xml"],
            filename="../x",
            format=99,
        )
    )
    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    named = {field.split("[")[0] for field in refusal.violations}
    assert {"request_id", "ttl", "max_attempts", "labels", "file_types", "filename", "format"} < named
    assert any("did you mean issuedAt" in text for text in refusal.violations.values())


async def test_a_mail_that_nobody_could_send_is_refused_by_name(api: Api) -> None:
    refusal = await refused(api.create(notify_email="a@example.com"))
    assert "EXPORTD_SMTP_HOST" in refusal.violations["notify_email"]


async def test_a_field_of_a_newer_version_is_refused_not_ignored(api: Api) -> None:
    newer = export_service_pb2.CreateExportRequest(uri="/shops/7/orders")
    newer.MergeFromString(b"\xf8\x3f\x01")  # field 1023
    refusal = await refused(api.exports.CreateExport(newer))
    assert list(refusal.violations) == ["field 1023"]


async def test_an_unknown_collection_is_not_found_with_the_nearest_name(api: Api) -> None:
    refusal = await refused(api.create("/shops/7/order"))
    assert (refusal.code, refusal.reason) == ("NOT_FOUND", "COLLECTION_NOT_FOUND")
    assert refusal.metadata["nearest"] == "/shops/{shopId}/orders"


async def test_a_format_that_is_not_offered_is_refused_with_those_that_are(api: Api) -> None:
    refusal = await refused(api.create(format=export_pb2.FORMAT_PARQUET))
    assert "XLSX, CSV, JSON, JSONL" in refusal.violations["format"]


async def test_nothing_to_export_is_refused(api: Api) -> None:
    refusal = await refused(api.exports.CreateExport(export_service_pb2.CreateExportRequest()))
    assert list(refusal.violations) == ["uri"]


async def test_100_parallel_creates_with_one_request_id_make_one_export(api: Api) -> None:
    made = await asyncio.gather(*(api.create(request_id="once") for _ in range(100)))
    assert len({export.id for export in made}) == 1


async def test_a_repeated_create_returns_the_export_as_it_is_now(api: Api, worker: Worker) -> None:
    first = await api.create(request_id="once")
    await worker.build(b"id\r\n1\r\n")
    again = await api.create(request_id="once")
    assert (again.id, again.state) == (first.id, export_pb2.Export.STATE_COMPLETED)


async def test_a_create_whose_answer_was_lost_is_repeated_whatever_the_catalog_has_become(
    api: Api, settings: ApiSettings
) -> None:
    first = await api.create(request_id="once", file_types=["order.pdf"])
    text = settings.catalog.read_text()
    settings.catalog.write_text(text.replace("}/orders", "}/sales").replace("Orders", "Sales"))
    api.parts.catalog.reload()
    assert (await refused(api.create(request_id="other"))).reason == "COLLECTION_NOT_FOUND"
    assert (await api.create(request_id="once", file_types=["order.pdf"])) == first
    refusal = await refused(api.create("/shops/8/orders", request_id="once"))
    assert (refusal.code, refusal.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


async def test_a_request_id_with_another_body_is_refused(api: Api) -> None:
    await api.create(request_id="once")
    refusal = await refused(api.create("/shops/8/orders", request_id="once"))
    assert (refusal.code, refusal.reason) == ("ALREADY_EXISTS", "REQUEST_ID_REUSED")


async def test_a_request_id_belongs_to_one_tenant(api: Api) -> None:
    ours = await api.create(request_id="once")
    request = export_service_pb2.CreateExportRequest(uri="/shops/7/orders", format="FORMAT_CSV", request_id="once")
    theirs = await api.exports.CreateExport(request, metadata=[("x-exportd-tenant", "other")])
    assert ours.id != theirs.id


async def test_the_request_id_of_a_deleted_export_stays_taken(api: Api) -> None:
    export = await api.create(request_id="once")
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=export.id))
    await api.exports.DeleteExport(export_service_pb2.DeleteExportRequest(export_id=export.id))
    refusal = await refused(api.create(request_id="once"))
    assert (refusal.code, refusal.reason) == ("NOT_FOUND", "EXPORT_DELETED")


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "../x"])
async def test_a_tenant_name_that_is_none_is_refused(api: Api, name: str) -> None:
    request = export_service_pb2.CreateExportRequest(uri="/shops/7/orders")
    refusal = await refused(api.exports.CreateExport(request, metadata=[("x-exportd-tenant", name)]))
    assert list(refusal.violations) == ["x-exportd-tenant"]


async def test_so_many_violations_that_they_do_not_fit_are_still_a_refusal(api: Api) -> None:
    refusal = await refused(api.create(labels={f"UPPER {n} {'x' * 40}": "y" * 300 for n in range(100)}))
    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert len(refusal.violations) > 10
    assert "more" in refusal.message
