"""Both products' dialects: their own examples, word for word but for ids, and the answers field for field."""

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pyzipper

from exportd.v1 import export_pb2
from exportd.v1.export_service_pb2 import ListExportsRequest
from services.api.notify.settings import NotifySettings
from services.api.settings import ApiSettings
from services.runtime.settings import SettingsReader
from tests.integration.api.conftest import Api, Worker
from tests.integration.gateway.conftest import Gateway

CATALOG = """
[sources.shop]
kind = "sql"
[sources.papers]
kind = "folder"

[collections.Invoices]
path = "/entities/{entityId}/invoices"
source = "shop"
table = "invoices"
key = "id"
formats = ["XLSX", "CSV", "JSON"]
[collections.Invoices.parameters.entityId]
column = "entity_id"
optional = true
[[collections.Invoices.columns]]
field = "id"
[[collections.Invoices.columns]]
field = "issuedAt"
name = "issued_at"
type = "timestamp"
[collections.Invoices.attachments."invoice.cfdi.xml"]
source = "papers"
path = "{id}.xml"
"""
NOBODY = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BODY = """{"format": "xlsx", "fileTypes": ["invoice.cfdi.xml"],
 "uri": "/entities/91106968-1abd-4d64-85c1-4e73d96fb997/invoices?issuedAt[after]=2026-01-01"}"""
URI = "/entities/91106968-1abd-4d64-85c1-4e73d96fb997/invoices?issuedAt[after]=2026-01-01"


@pytest.fixture
def settings(settings: ApiSettings, tmp_path: Path) -> ApiSettings:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    mail = {"EXPORTD_SMTP_HOST": "127.0.0.1", "EXPORTD_SMTP_PORT": "1", "EXPORTD_SMTP_FROM": "exports@company.com"}
    return replace(settings, notify=NotifySettings.read(SettingsReader(mail)))


class TestSyntage:
    async def create(self, gateway: Gateway, expected: int = 202, text: str = BODY) -> Any:
        headers = {"Content-Type": "application/json"}
        return await gateway.json("POST", "/exports", expected, data=text.encode(), headers=headers)

    async def test_an_export_goes_from_pending_to_finished_as_its_documents_say(
        self, gateway: Gateway, worker: Worker
    ) -> None:
        created = await self.create(gateway)
        path = f"/exports/{created['id']}"
        times = [created.pop("createdAt"), created.pop("updatedAt")]
        assert all(TIME.fullmatch(time) for time in times)
        assert UUID.fullmatch(created["id"])
        shown = {"format": "xlsx", "fileTypes": ["invoice.cfdi.xml"], "uri": URI}
        assert created == {"@id": path, "@type": "Export", "id": created["id"], "status": "pending", **shown}
        (job,) = await worker.lease()
        await worker.heartbeat(job)
        assert (await gateway.json("GET", path))["status"] == "running"
        table = worker.file(job, b"table", "export.xlsx", media_type=XLSX, extension="xlsx")
        bundle = worker.file(job, b"papers", "papers.zip", media_type="application/zip", extension="zip")
        await worker.complete(job, table, attachments=bundle)
        async with gateway.session.get(f"{gateway.url}{path}") as answer:
            assert (answer.status, answer.content_type) == (200, "application/ld+json")
            finished = await answer.json(content_type=None)
        file = finished["file"]
        assert finished["status"] == "finished"
        assert list(finished)[:8] == ["@id", "@type", "id", "format", "fileTypes", "status", "uri", "file"]
        assert file == {
            "@id": f"/files/{file['id']}",
            "@type": "File",
            "id": file["id"],
            "type": "Export",
            "resource": path,
            "mimeType": XLSX,
            "extension": "xlsx",
            "size": 5,
            "filename": f"{file['id']}.xlsx",
        }
        assert await gateway.json("GET", f"/files/{file['id']}") == file
        for one, content in ((file, b"table"), (finished["attachmentsFile"], b"papers")):
            async with gateway.session.get(f"{gateway.url}/files/{one['id']}/download") as answer:
                assert (answer.status, await answer.read()) == (200, content)

    @pytest.mark.parametrize("accepted", ["application/ld+json", "text/html, Application/LD+JSON;q=0.9"])
    async def test_who_asks_for_json_ld_gets_the_context_of_each_document(
        self, gateway: Gateway, worker: Worker, accepted: str
    ) -> None:
        headers = {"Accept": accepted}
        body = {"uri": "/entities/7/invoices", "format": "csv"}
        created = await gateway.json("POST", "/exports", 202, json=body, headers=headers)
        await worker.build(b"1")
        export = await gateway.json("GET", created["@id"], headers=headers)
        file = await gateway.json("GET", export["file"]["@id"], headers=headers)
        listed = await gateway.json("GET", "/exports", headers=headers)
        told = [each["@context"] for each in (created, export, file, listed)]
        assert told == ["/contexts/Export", "/contexts/Export", "/contexts/File", "/contexts/Export"]
        assert "@context" not in export["file"]
        assert "@context" not in listed["hydra:member"][0]
        assert next(iter(export)) == "@context"
        for path in dict.fromkeys(told):
            context = await gateway.json("GET", path)
            assert context["@context"]["hydra"] == "http://www.w3.org/ns/hydra/core#"
        await gateway.json("GET", "/contexts/Nothing", 404)

    async def test_exports_are_listed_in_pages_that_lead_to_each_other(self, gateway: Gateway) -> None:
        ids = [(await self.create(gateway))["id"] for _ in range(3)]
        path, seen, pages = "/exports?itemsPerPage=2", list[str](), 0
        while path:
            page = await gateway.json("GET", path)
            assert (page["@id"], page["@type"], page["hydra:view"]["@id"]) == ("/exports", "hydra:Collection", path)
            seen += [each["id"] for each in page["hydra:member"]]
            path, pages = page["hydra:view"].get("hydra:next", ""), pages + 1
        assert (seen, pages) == (ids[::-1], 2)
        assert (await gateway.json("GET", "/exports"))["hydra:view"]["@id"] == "/exports"

    @pytest.mark.parametrize(
        ("query", "path"),
        [
            ("itemsPerPage=0", "itemsPerPage"),
            ("itemsPerPage=1001", "itemsPerPage"),
            ("itemsPerPage=x", "itemsPerPage"),
            ("itemsPerPage=1&itemsPerPage=2", "itemsPerPage"),
            ("cursor=none", "cursor"),
            ("page=2", "page"),
        ],
    )
    async def test_a_mistake_in_a_list_names_its_parameter(self, gateway: Gateway, query: str, path: str) -> None:
        refused = await gateway.json("GET", f"/exports?{query}", 400)
        assert [each["propertyPath"] for each in refused["violations"]] == [path]

    async def test_a_cancelled_export_has_failed(self, gateway: Gateway) -> None:
        created = await self.create(gateway)
        await gateway.json("POST", f"/v1/exports/{created['id']}:cancel")
        assert (await gateway.json("GET", f"/exports/{created['id']}"))["status"] == "failed"

    async def test_one_that_will_run_again_is_pending(self, gateway: Gateway, worker: Worker) -> None:
        created = await self.create(gateway)
        (job,) = await worker.lease()
        await worker.heartbeat(job)
        await worker.fail(job)
        assert (await gateway.json("GET", f"/exports/{created['id']}"))["status"] == "pending"

    @pytest.mark.parametrize(
        ("text", "paths"),
        [
            ("{}", ["format", "uri"]),
            ('{"format": "", "uri": null}', ["format", "uri"]),
            ('{"format": "pdf", "uri": "/entities/1/invoices"}', ["format"]),
            ('{"format": "csv", "uri": 7}', ["uri"]),
            ('{"format": "csv", "uri": "/entities/1/invoices", "fileTypes": []}', ["fileTypes"]),
            ('{"format": "csv", "uri": "/entities/1/invoices", "fileTypes": "x"}', ["fileTypes"]),
            ('{"format": "csv", "uri": "/entities/1/invoices", "colour": 1}', ["colour"]),
            ('{"format": "csv", "uri": "\\ud800"}', ["uri"]),
            ('{"format": "csv", "uri": "/entities/1/invoices", "fileTypes": ["none.xml"]}', ["fileTypes[0]"]),
            ('{"format": "csv", "uri": "/entities/1/invoices?colour=red"}', ["uri.query[colour]"]),
        ],
    )
    async def test_a_mistake_is_a_constraint_violation(self, gateway: Gateway, text: str, paths: list[str]) -> None:
        refused = await self.create(gateway, 400, text)
        assert refused["@type"] == "ConstraintViolation"
        assert [each["propertyPath"] for each in refused["violations"]] == paths
        assert all(each["message"] for each in refused["violations"])

    @pytest.mark.parametrize("path", ["/exports/{}", "/files/{}", "/files/{}/download"])
    @pytest.mark.parametrize("name", [NOBODY, "no-id", "%ff", "%00"])
    async def test_what_is_not_there_is_404(self, gateway: Gateway, path: str, name: str) -> None:
        assert (await gateway.json("GET", path.format(name), 404))["@type"] == "Error"

    async def test_a_bad_key_is_401(self, gateway: Gateway) -> None:
        refused = await gateway.json("GET", f"/exports/{NOBODY}", 401, headers={"X-API-Key": "exd_wrong"})
        assert refused["reason"] == "BAD_CREDENTIALS"


class TestXdent:
    async def create(self, gateway: Gateway, query: str = "?format=JSON", expected: int = 200) -> Any:
        return await gateway.json("POST", f"/api/v1/ExportRequest/Invoices{query}", expected)

    async def test_an_export_goes_from_queued_to_its_zip(self, gateway: Gateway, worker: Worker) -> None:
        created = await self.create(gateway, "")
        assert created == {"idExportJob": created["idExportJob"], "exportType": "Invoices", "status": "QUEUED"}
        id_ = created["idExportJob"]
        assert UUID.fullmatch(id_)
        assert await gateway.json("GET", "/api/v1/ExportResult/Queued") == [created]
        (job,) = await worker.lease()
        await worker.heartbeat(job)
        assert await gateway.json("GET", f"/api/v1/ExportResult/Status/{id_}") == created | {"status": "PROCESSING"}
        assert await gateway.json("GET", "/api/v1/ExportResult/Queued") == []
        content = zipped()
        told = {"media_type": "application/zip", "extension": "zip"}
        await worker.complete(job, worker.file(job, content, "export.zip", **told))
        done = await gateway.json("GET", f"/api/v1/ExportResult/Status/{id_}")
        assert done["status"] == "COMPLETED"
        assert {name: type(value) for name, value in done["result"].items()} == {
            "success": bool,
            "errors": list,
            "durationMs": int,
            "fileSizeBytes": int,
            "callbackSent": bool,
            "notifyEmailSent": bool,
        }
        assert (done["result"]["success"], done["result"]["fileSizeBytes"]) == (True, len(content))
        async with gateway.session.get(f"{gateway.url}/api/v1/ExportResult/Download/{id_}") as answer:
            assert (answer.content_type, await answer.read()) == ("application/zip", content)

    async def test_options_reach_the_export(self, api: Api, gateway: Gateway) -> None:
        query = "?format=CSV&password=s%C3%A9cret&entityId=7&issuedAt[after]=2026-01-01"
        created = await self.create(gateway, query)
        (export,) = (await api.exports.ListExports(ListExportsRequest())).exports
        assert (export.id, export.encrypted, export.format) == (created["idExportJob"], True, export_pb2.FORMAT_CSV)
        assert export.options.packaging == export_pb2.PACKAGING_ZIP
        assert "2026-01-01" in export.options.query

    async def test_the_example_of_a_mail_is_accepted(self, api: Api, gateway: Gateway) -> None:
        created = await self.create(gateway, "?format=JSON&email=integration@company.com")
        export = await api.get(created["idExportJob"])
        assert (export.notify_email, export.format) == ("integration@company.com", export_pb2.FORMAT_JSON)

    async def test_a_failed_attempt_shows_its_error(self, gateway: Gateway, worker: Worker) -> None:
        created = await self.create(gateway)
        (job,) = await worker.lease()
        await worker.heartbeat(job)
        await worker.fail(job)
        failed = await gateway.json("GET", f"/api/v1/ExportResult/Status/{created['idExportJob']}")
        assert (failed["status"], failed["result"]["success"]) == ("FAILED", False)
        assert failed["result"]["errors"] == ["the source did not answer"]

    async def test_only_what_waits_can_be_cancelled(self, gateway: Gateway, worker: Worker) -> None:
        path = "/api/v1/ExportRequest/Cancel/"
        waiting = await self.create(gateway)
        cancelled = await gateway.json("DELETE", f"{path}{waiting['idExportJob']}")
        assert cancelled["status"] == "CANCELLED"
        running = await self.create(gateway)
        (job,) = await worker.lease()
        await worker.heartbeat(job)
        await gateway.json("DELETE", f"{path}{running['idExportJob']}", 404)
        await worker.fail(job)
        await gateway.json("DELETE", f"{path}{running['idExportJob']}", 404)
        for name in (NOBODY, "no-id", "%ff"):
            await gateway.json("DELETE", f"{path}{name}", 404)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("?format=PDF", "format"),
            ("?format=json", "format"),
            ("?format=JSON&format=CSV", "format"),
            ("?format=PARQUET", "format"),
            ("?colour=red", "query[colour]"),
        ],
    )
    async def test_a_mistake_names_its_parameter(self, gateway: Gateway, query: str, field: str) -> None:
        refused = await self.create(gateway, query, 400)
        assert [each["field"] for each in refused["violations"]] == [field]

    async def test_what_is_not_there_is_404(self, gateway: Gateway) -> None:
        assert (await gateway.json("POST", "/api/v1/ExportRequest/Nothing", 404))["reason"] == "COLLECTION_NOT_FOUND"
        for kind in ("Status", "Download"):
            for name in (NOBODY, "no-id"):
                await gateway.json("GET", f"/api/v1/ExportResult/{kind}/{name}", 404)

    async def test_a_file_of_another_door_that_is_no_zip_is_not_sent(self, gateway: Gateway, worker: Worker) -> None:
        created = await gateway.create(uri="/entities/1/invoices")
        await worker.build(b"id\r\n")
        await gateway.json("GET", f"/api/v1/ExportResult/Download/{created['id']}", 404)


def zipped() -> bytes:
    out = BytesIO()
    with pyzipper.ZipFile(out, "w") as packed:
        packed.writestr("export.json", "[]")
    return out.getvalue()
