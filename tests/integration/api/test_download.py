import hashlib
import random

import pytest

from exportd.v1 import export_pb2, export_service_pb2
from tests.integration.api.conftest import Api, Worker
from tests.integration.api.refusals import refused

CONTENT = random.Random(7).randbytes(3_000_000)


@pytest.fixture
async def export(api: Api, worker: Worker) -> export_pb2.Export:
    """A completed export whose file is CONTENT."""
    created = await api.create()
    await worker.build(CONTENT)
    return await api.get(created.id)


async def _download(api: Api, **fields: object) -> tuple[export_service_pb2.DownloadHeader, bytes]:
    messages = [m async for m in api.exports.DownloadFile(export_service_pb2.DownloadFileRequest(**fields))]
    assert [m.WhichOneof("payload") for m in messages] == ["header", *["data"] * (len(messages) - 1)]
    return messages[0].header, b"".join(m.data for m in messages[1:])


async def test_a_download_has_a_header_and_every_byte(api: Api, export: export_pb2.Export) -> None:
    header, content = await _download(api, export_id=export.id)
    assert (header.file, header.offset) == (export.file, 0)
    assert hashlib.sha256(content).hexdigest() == export.file.sha256


@pytest.mark.parametrize(("offset", "limit"), [(0, 10), (1_234_567, 0), (2_999_999, 5), (1, 65_536), (3_000_000, 0)])
async def test_a_part_is_exactly_that_part(api: Api, export: export_pb2.Export, offset: int, limit: int) -> None:
    _, content = await _download(api, file_id=export.file.id, offset=offset, limit=limit)
    assert content == CONTENT[offset : offset + limit if limit else None]


@pytest.mark.parametrize(("offset", "limit"), [(3_000_001, 0), (-1, 0), (0, -1)])
async def test_a_part_outside_the_file_is_out_of_range(
    api: Api, export: export_pb2.Export, offset: int, limit: int
) -> None:
    refusal = await refused(_download(api, export_id=export.id, offset=offset, limit=limit))
    assert (refusal.code, refusal.reason) == ("OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE")


async def test_another_sha256_is_refused(api: Api, export: export_pb2.Export) -> None:
    refusal = await refused(_download(api, export_id=export.id, if_sha256="0" * 64))
    assert (refusal.code, refusal.reason) == ("ABORTED", "FILE_CHANGED")
    _, content = await _download(api, export_id=export.id, if_sha256=export.file.sha256)
    assert content == CONTENT


async def test_what_is_not_ready_says_its_state(api: Api) -> None:
    export = await api.create()
    refusal = await refused(_download(api, export_id=export.id))
    assert (refusal.reason, refusal.metadata["state"]) == ("EXPORT_NOT_READY", "QUEUED")


async def test_what_was_cancelled_says_so_that_nobody_polls_for_ever(api: Api) -> None:
    export = await api.create()
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=export.id))
    assert (await refused(_download(api, export_id=export.id))).reason == "EXPORT_CANCELLED"


@pytest.mark.parametrize("damage", ["gone", "short"])
async def test_bytes_that_are_missing_are_data_loss(api: Api, export: export_pb2.Export, damage: str) -> None:
    (path,) = api.artifacts.glob(f"{export.id}/*/export.csv")
    path.unlink() if damage == "gone" else path.write_bytes(CONTENT[:100])
    refusal = await refused(_download(api, export_id=export.id))
    assert (refusal.code, refusal.reason) == ("DATA_LOSS", "FILE_DAMAGED")


async def test_a_download_without_a_source_is_refused(api: Api) -> None:
    assert list((await refused(_download(api))).violations) == ["export_id"]


async def test_a_flipped_bit_ends_a_whole_download_as_damaged(api: Api, worker: Worker) -> None:
    export = await api.create()
    job = await worker.build(b"0123456789" * 20_000)
    (path,) = (api.artifacts / job.artifact_prefix).iterdir()
    path.write_bytes(b"1" + path.read_bytes()[1:])
    call = api.exports.DownloadFile(export_service_pb2.DownloadFileRequest(export_id=export.id))

    async def read() -> None:
        async for _ in call:
            pass

    refusal = await refused(read())
    assert (refusal.code, refusal.reason) == ("DATA_LOSS", "FILE_DAMAGED")
