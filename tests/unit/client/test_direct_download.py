"""Downloads straight from the object store: the same file, whatever the store does."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from exportd.v1 import export_service_pb2 as service
from exportd_client import DownloadDamaged, ExportClient, FailedPrecondition, Tls
from exportd_client.aio import direct
from exportd_client.partial_file import part_path
from exportd_client.store_reader import StoreBroke, StoreOutOfReach, StoreReader, is_private
from tests.unit.client.fake_export_service import FakeExportService, Refusal
from tests.unit.client.fake_store import FakeStore, fake_store
from tests.unit.client.program import Exportctl

CONTENT = random.Random(7).randbytes(300_000)
NOBODY = "http://127.0.0.1:9/bucket/key?X-Amz-Signature=secret"


@pytest.fixture
def fake(fake: FakeExportService) -> FakeExportService:
    """Its own stream, where a test falls back to it, is a matter of few messages."""
    fake.chunk_bytes = len(CONTENT) // 5
    return fake


@pytest.fixture
def store(fake: FakeExportService) -> Iterator[FakeStore]:
    with fake_store(CONTENT) as store:
        fake.urls = [store.url]
        yield store


def streamed(fake: FakeExportService) -> list[int]:
    """Where each stream of the service began, but for that which asks what the file is."""
    return [request.offset for request in fake.asked(service.DownloadFileRequest) if not request.limit]


async def test_all_bytes_come_from_the_store(
    client: ExportClient, fake: FakeExportService, store: FakeStore, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    seen: list[tuple[int, int]] = []
    download = await client.download(export, tmp_path / "a", direct=True, progress=lambda *at: seen.append(at))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert (download.direct_bytes, download.resumed_at) == (len(CONTENT), 0)
    assert (seen[0], seen[-1]) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)))
    assert (streamed(fake), store.offsets) == ([], [0])


async def test_without_the_option_none_does(
    client: ExportClient, fake: FakeExportService, store: FakeStore, tmp_path: Path
) -> None:
    download = await client.download(fake.with_file(CONTENT), tmp_path / "a")
    assert (download.direct_bytes, store.offsets) == (0, [])


async def test_what_breaks_off_goes_on_with_another_url(
    client: ExportClient, fake: FakeExportService, store: FakeStore, tmp_path: Path
) -> None:
    store.cuts = [100_000, 0, 5]
    store.statuses = [403, 503]
    await client.download(fake.with_file(CONTENT), tmp_path / "a", direct=True)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert streamed(fake) == []
    assert store.offsets == [0, 0, 0, 100_000, 100_000, 100_005]
    assert len(fake.asked(service.GetDownloadUrlRequest)) == len(store.offsets)


async def test_it_goes_on_where_an_earlier_process_stopped(
    client: ExportClient, fake: FakeExportService, store: FakeStore, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    part_path(tmp_path / "a", export.file).write_bytes(CONTENT[:12_345])
    download = await client.download(export, tmp_path / "a", direct=True)
    assert (download.resumed_at, download.direct_bytes) == (12_345, len(CONTENT) - 12_345)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert store.offsets == [12_345]


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("FAILED_PRECONDITION", "DOWNLOAD_URL_UNSUPPORTED"),
        Refusal("UNIMPLEMENTED", ""),
    ],
    ids=["no url", "older service"],
)
async def test_a_service_without_urls_sends_it_itself(
    client: ExportClient, fake: FakeExportService, store: FakeStore, tmp_path: Path, refusal: Refusal
) -> None:
    fake.refusals["GetDownloadUrl"] = [refusal]
    download = await client.download(fake.with_file(CONTENT), tmp_path / "a", direct=True)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert (download.direct_bytes, streamed(fake), store.offsets) == (0, [0], [])


@pytest.mark.parametrize(
    "url", [NOBODY, "http://127.0.0.1:9", "ftp://127.0.0.1/x", "http://[::1", "https://127.0.0.1:9/x"]
)
async def test_a_store_out_of_reach_leaves_it_to_the_service(
    client: ExportClient, fake: FakeExportService, tmp_path: Path, url: str
) -> None:
    fake.urls = [url]
    download = await client.download(fake.with_file(CONTENT), tmp_path / "a", direct=True)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert (download.direct_bytes, streamed(fake)) == (0, [0])


@pytest.mark.parametrize("status", [301, 307, 404, 416])
async def test_what_another_url_would_not_change_is_not_asked_again(
    client: ExportClient, fake: FakeExportService, store: FakeStore, tmp_path: Path, status: int
) -> None:
    store.statuses = [status]
    await client.download(fake.with_file(CONTENT), tmp_path / "a", direct=True)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert (store.offsets, streamed(fake)) == ([0], [0])


async def test_a_store_that_gives_no_byte_again_and_again_is_given_up(
    client: ExportClient, fake: FakeExportService, store: FakeStore, tmp_path: Path
) -> None:
    store.cuts = [700, *[0] * direct.MAX_TRIES]
    download = await client.download(fake.with_file(CONTENT), tmp_path / "a", direct=True)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert (download.direct_bytes, streamed(fake)) == (700, [700])


@pytest.mark.parametrize("sent", [CONTENT[:-1] + b"?", CONTENT + b"?"], ids=["another byte", "one too many"])
async def test_other_bytes_are_no_file(
    client: ExportClient, fake: FakeExportService, store: FakeStore, tmp_path: Path, sent: bytes
) -> None:
    store.content = sent
    with pytest.raises(DownloadDamaged):
        await client.download(fake.with_file(CONTENT), tmp_path / "a", direct=True)
    assert list(tmp_path.iterdir()) == []


async def test_the_url_of_an_export_and_of_a_file(
    client: ExportClient, fake: FakeExportService, store: FakeStore
) -> None:
    export = fake.with_file(CONTENT)
    for source in (export, export.id, export.file):
        signed = await client.download_url(source)
        assert (signed.url, signed.size_bytes, signed.sha256) == (store.url, len(CONTENT), export.file.sha256)
    named = [request.WhichOneof("source") for request in fake.asked(service.GetDownloadUrlRequest)]
    assert named == ["export_id", "export_id", "file_id"]


async def test_without_a_url_the_reason_is_told(client: ExportClient, fake: FakeExportService) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        await client.download_url(fake.with_file(CONTENT))
    assert refused.value.reason == "DOWNLOAD_URL_UNSUPPORTED"


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://store.example/x", True),
        ("http://store.example/x", False),
        ("http://127.0.0.1:8333/x", True),
        ("http://localhost/x", True),
        ("http://127.0.0.1.example/x", False),
    ],
)
def test_what_others_could_read_is_no_way_for_who_encrypts(url: str, private: bool) -> None:
    assert is_private(url) is private


def test_a_client_knows_whether_its_line_is_encrypted() -> None:
    assert ExportClient("127.0.0.1:1", tls=Tls())._link.encrypted
    assert not ExportClient("127.0.0.1:1")._link.encrypted


def test_no_error_of_the_store_has_the_url(store: FakeStore) -> None:
    store.statuses = [500, 404]
    for url, error in ((store.url, StoreBroke), (store.url, StoreOutOfReach), (NOBODY, StoreOutOfReach)):
        with pytest.raises(error) as raised:
            StoreReader.open(url, 0)
        told = f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"
        assert "secret" not in told


async def test_exportctl_says_when_the_store_was_not_of_use(
    exportctl: Exportctl, fake: FakeExportService, store: FakeStore, tmp_path: Path
) -> None:
    export = fake.with_file(CONTENT)
    direct_one = await exportctl("download", export.id, "-o", tmp_path / "a.csv", "--direct")
    assert (direct_one.code, "object store" in direct_one.err, streamed(fake)) == (0, False, [])
    fake.urls = [NOBODY]
    by_service = await exportctl("download", export.id, "-o", tmp_path / "b.csv", EXPORTD_DIRECT="1")
    assert (by_service.code, "object store was not reached" in by_service.err, streamed(fake)) == (0, True, [0])
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes() == CONTENT
    assert "secret" not in direct_one.out.decode() + direct_one.err + by_service.out.decode() + by_service.err
