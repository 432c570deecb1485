"""What is published is what was built: the api reads it again."""

import os
from collections.abc import AsyncIterable

import pytest

from exportd.v1 import export_pb2, export_service_pb2
from services.api.storage.artifacts.folder import MAX_HASHED_BYTES, SURELY_HASHED_BYTES
from services.contract.gmac import Gmac
from tests.integration.api.conftest import Api, Worker
from tests.integration.api.refusals import refused

CONTENT = b"id\r\n1\r\n2\r\n"
LARGE = bytes(SURELY_HASHED_BYTES + 1)


async def test_a_file_with_another_hash_than_was_reported_is_not_published(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, CONTENT)
    artifact.sha256 = "0" * 64
    refusal = await refused(worker.complete(job, artifact))
    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert list(refusal.violations) == ["artifact.sha256"]
    assert (await api.get(export.id)).state == export_pb2.Export.STATE_PROCESSING


@pytest.mark.parametrize("place", range(len(CONTENT)))
async def test_nor_one_with_a_bit_that_flipped(api: Api, worker: Worker, place: int) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, CONTENT)
    flipped = bytes([CONTENT[place] ^ 1])
    (api.artifacts / artifact.key).write_bytes(CONTENT[:place] + flipped + CONTENT[place + 1 :])
    assert list((await refused(worker.complete(job, artifact))).violations) == ["artifact.sha256"]
    worker.file(job, CONTENT)
    await worker.complete(job, artifact)
    assert (await api.get(export.id)).state == export_pb2.Export.STATE_COMPLETED


async def test_nor_are_attachments_that_are_apart(api: Api, worker: Worker) -> None:
    await api.create(file_types=["order.pdf"], packaging=export_pb2.PACKAGING_SEPARATE)
    (job,) = await worker.lease()
    beside = worker.file(job, b"PK", "attachments.zip", media_type="application/zip", extension="zip")
    beside.sha256 = "0" * 64
    refusal = await refused(worker.complete(job, worker.file(job, CONTENT), attachments=beside))
    assert list(refusal.violations) == ["attachments_artifact.sha256"]


async def test_of_a_large_file_the_gmac_is_verified(api: Api, worker: Worker) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, LARGE)
    artifact.gmac = _gmac(artifact.key, LARGE)
    with (api.artifacts / artifact.key).open("r+b") as file:
        file.seek(len(LARGE) // 2)
        file.write(b"1")
    assert list((await refused(worker.complete(job, artifact))).violations) == ["artifact.gmac"]
    worker.file(job, LARGE)
    await worker.complete(job, artifact)
    assert (await api.get(export.id)).state == export_pb2.Export.STATE_COMPLETED


@pytest.mark.parametrize(("content", "told"), [(LARGE, False), (CONTENT, True)], ids=["no gmac", "a small file"])
async def test_otherwise_the_sha256_is_verified(api: Api, worker: Worker, content: bytes, *, told: bool) -> None:
    await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, content)
    artifact.gmac = _gmac(artifact.key, content) if told else ""
    artifact.sha256 = "0" * 64
    assert list((await refused(worker.complete(job, artifact))).violations) == ["artifact.sha256"]


async def test_a_file_that_is_too_large_to_be_read_again_ends_no_download_well_when_it_is_damaged(
    api: Api, worker: Worker
) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    artifact = worker.file(job, CONTENT)
    artifact.size_bytes = MAX_HASHED_BYTES + 1
    os.truncate(api.artifacts / artifact.key, artifact.size_bytes)
    await worker.complete(job, artifact)
    request = export_service_pb2.DownloadFileRequest(export_id=export.id)
    assert (await refused(_all_of(api.exports.DownloadFile(request)))).reason == "FILE_DAMAGED"


def _gmac(key: str, content: bytes) -> str:
    code = Gmac(key)
    code.update(content)
    return code.hexdigest()


async def _all_of(download: AsyncIterable[export_service_pb2.DownloadFileResponse]) -> None:
    async for _ in download:
        pass
