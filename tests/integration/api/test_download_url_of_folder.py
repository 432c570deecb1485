"""GetDownloadUrl, where files are in a folder."""

from exportd.v1 import export_service_pb2
from tests.integration.api.conftest import Api, Worker
from tests.integration.api.refusals import refused


async def test_a_folder_signs_none_and_says_what_to_do(api: Api, worker: Worker) -> None:
    created = await api.create()
    await worker.build(b"0123456789")
    file_id = (await api.get(created.id)).file.id
    refusal = await refused(api.exports.GetDownloadUrl(export_service_pb2.GetDownloadUrlRequest(export_id=created.id)))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "DOWNLOAD_URL_UNSUPPORTED")
    assert refusal.metadata == {"file_id": file_id}
    assert "DownloadFile" in refusal.message
