"""Packaging SEPARATE: the table as the file, the attachments as a second one."""

import pytest

from exportd.v1 import export_pb2, export_service_pb2
from tests.integration.api.conftest import Api, Worker
from tests.integration.api.refusals import refused

TABLE, ATTACHMENTS = b"id\r\n1\r\n", b"PK as if"
ENTRY = export_pb2.Entry(name="files/order.pdf/1.pdf", size_bytes=7)
SEPARATE = {"packaging": export_pb2.PACKAGING_SEPARATE, "file_types": ["order.pdf"]}


async def _build(worker: Worker) -> None:
    (job,) = await worker.lease()
    table = worker.file(job, TABLE)
    told = {"media_type": "application/zip", "extension": "zip", "entries": [ENTRY], "entry_count": 1}
    attachments = worker.file(job, ATTACHMENTS, "attachments.zip", **told)
    for _ in range(2):  # an answer may be lost: said again, it is OK
        await worker.complete(job, table, attachments=attachments)


async def _content(api: Api, **source: str) -> bytes:
    request = export_service_pb2.DownloadFileRequest(**source)
    return b"".join([m.data async for m in api.exports.DownloadFile(request)])


@pytest.fixture
async def export(api: Api, worker: Worker) -> export_pb2.Export:
    created = await api.create(filename="orders.csv", **SEPARATE)
    await _build(worker)
    return await api.get(created.id)


async def test_both_files_are_shown_and_fetched_by_their_own_ids(api: Api, export: export_pb2.Export) -> None:
    table, attachments = export.file, export.attachments_file
    assert (table.filename, attachments.filename) == ("orders.csv", "orders-attachments.zip")
    assert (table.row_count, attachments.row_count) == (2, 0)
    assert (list(attachments.entries), attachments.entry_count) == ([ENTRY], 1)
    assert (attachments.export_id, attachments.expire_time) == (export.id, table.expire_time)
    for file in (table, attachments):
        assert await api.exports.GetFile(export_service_pb2.GetFileRequest(file_id=file.id)) == file
    assert await _content(api, export_id=export.id) == TABLE
    assert await _content(api, file_id=table.id) == TABLE
    assert await _content(api, file_id=attachments.id) == ATTACHMENTS


async def test_a_list_shows_both_without_entries(api: Api, export: export_pb2.Export) -> None:
    (listed,) = (await api.exports.ListExports(export_service_pb2.ListExportsRequest())).exports
    assert listed.attachments_file.id == export.attachments_file.id
    assert not listed.attachments_file.entries


async def test_without_a_wanted_name_it_is_named_by_its_own_id(api: Api, worker: Worker) -> None:
    created = await api.create(**SEPARATE)
    await _build(worker)
    attachments = (await api.get(created.id)).attachments_file
    assert attachments.filename == f"{attachments.id}.zip"


async def test_attachments_that_are_not_in_the_store_are_not_published(api: Api, worker: Worker) -> None:
    created = await api.create(**SEPARATE)
    (job,) = await worker.lease()
    table, attachments = worker.file(job, TABLE), worker.file(job, ATTACHMENTS, "attachments.zip")
    (api.artifacts / attachments.key).write_bytes(ATTACHMENTS[:-1])
    assert (await refused(worker.complete(job, table, attachments=attachments))).reason == "STORE_MISMATCH"
    attachments.key = "elsewhere/lease/attachments.zip"
    assert (await refused(worker.complete(job, table, attachments=attachments))).reason == "STORE_MISMATCH"
    assert (await api.get(created.id)).state == export_pb2.Export.STATE_PROCESSING


async def test_another_tenant_finds_neither(api: Api, export: export_pb2.Export) -> None:
    call = api.exports.GetFile(
        export_service_pb2.GetFileRequest(file_id=export.attachments_file.id), metadata=[("x-exportd-tenant", "other")]
    )
    assert (await refused(call)).reason == "FILE_NOT_FOUND"
