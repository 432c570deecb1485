"""Artifacts in a bucket: an api and workers that share no folder, and files that come through it whole."""

import asyncio
import csv
import hashlib
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import obstore
import pytest
import pyzipper
from python_calamine import CalamineWorkbook

from demo import seaweed
from demo.processes import Begin
from exportd_client import Export, ExportClient
from sample import DEMO_ENTITY
from services.objects.client import opened
from services.objects.settings import BucketStore
from services.objects.uploads import open_uploads
from services.worker.artifacts.object_writer import PART_BYTES
from tests.e2e.conftest import PATIENT, opened_house
from tests.patience import PATIENCE_S
from tests.servers.object_store import settings_for
from tests.tiers import deep, deep_but

INVOICES = f"/entities/{DEMO_ENTITY}/invoices?issuedAt[after]=2026-01-01"
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def bucket(object_store: seaweed.ObjectStore) -> BucketStore:
    settings = settings_for(object_store)
    return BucketStore(settings.pop("EXPORTD_ARTIFACTS"), tuple(settings.items()))


@pytest.fixture(scope="module")
def target(sample: Path, bucket: BucketStore, tmp_path_factory: pytest.TempPathFactory, forked: Begin) -> Iterator[str]:
    """Of an api; its worker has another data directory, as on another machine."""
    settings = PATIENT | {"EXPORTD_ARTIFACTS": bucket.url} | dict(bucket.options)
    home = tmp_path_factory.mktemp("bucket")
    with opened_house(sample, home / "data", forked) as house:
        house.api(**settings)
        house.worker(**settings, EXPORTD_DATA_DIR=str(home / "elsewhere"))
        yield house.target


@pytest.fixture
async def client(target: str) -> AsyncIterator[ExportClient]:
    async with ExportClient(target) as client:
        yield client


async def _done(client: ExportClient, export: Export) -> Export:
    return [seen async for seen in client.watch(export.id)][-1]


def _rows_of_csv(path: Path) -> int:
    with path.open(newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def _rows_of_xlsx(path: Path) -> int:
    return len(CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()) - 1


COUNTS: dict[str, Callable[[Path], int]] = {
    "csv": _rows_of_csv,
    "xlsx": _rows_of_xlsx,
    "jsonl": lambda path: len(path.read_bytes().splitlines()),
}


@pytest.mark.parametrize("format_", deep_but(COUNTS, "xlsx"))
async def test_every_format_is_whole_and_nothing_else_is_left(
    client: ExportClient, bucket: BucketStore, tmp_path: Path, format_: str
) -> None:
    export = await _done(client, await client.create("/flights?origin=LGA&month=1", format=format_))
    assert export.state == Export.STATE_COMPLETED, export.result
    path = tmp_path / f"flights.{format_}"
    await client.download(export, path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == export.file.sha256
    assert COUNTS[format_](path) == export.file.row_count > 1_000
    assert [len(some) for some in obstore.list(opened(bucket), export.id)] == [1]
    assert list(open_uploads(bucket, "")) == []


async def test_attachments_come_in_a_sealed_zip_and_in_one_of_their_own(client: ExportClient, tmp_path: Path) -> None:
    asked = {"format": "xlsx", "file_types": ["invoice.cfdi.xml"]}
    sealed = await client.create(INVOICES, **asked, password=PASSWORD)
    separate = await _done(client, await client.create(INVOICES, **asked, packaging="separate"))
    sealed = await _done(client, sealed)
    assert sealed.state == separate.state == Export.STATE_COMPLETED
    await client.download(sealed, tmp_path / "sealed.zip")
    with pyzipper.AESZipFile(tmp_path / "sealed.zip") as bundle:
        bundle.setpassword(PASSWORD.encode())
        assert bundle.testzip() is None
        assert len(bundle.namelist()) == sealed.file.entry_count
    await client.download(separate.attachments_file, tmp_path / "attachments.zip")
    with zipfile.ZipFile(tmp_path / "attachments.zip") as attachments:
        assert attachments.testzip() is None
        assert len(attachments.namelist()) == separate.attachments_file.entry_count > 1


@deep
async def test_a_download_goes_on_where_it_stopped(client: ExportClient, tmp_path: Path) -> None:
    """Several parts went up, and one stream comes down."""
    export = await _done(client, await client.create("/flights", format="csv"))
    assert export.file.size_bytes > 2 * PART_BYTES
    await client.download(export, tmp_path / "whole.csv")
    whole = (tmp_path / "whole.csv").read_bytes()
    for offset in (1, len(whole) // 2, len(whole) - 1, len(whole)):
        parts = [part async for part in client.stream(export.id, offset=offset)]
        assert b"".join(parts) == whole[offset:]


async def test_a_cancelled_export_leaves_no_upload(client: ExportClient, bucket: BucketStore) -> None:
    export = await client.create("/numbers", format="csv")
    async for seen in client.watch(export.id):
        if seen.progress.bytes_written > 32 << 20:
            break
    assert [upload.key.split("/")[0] for upload in open_uploads(bucket, "")] == [export.id]
    await client.cancel(export.id)
    async with asyncio.timeout(PATIENCE_S):
        while list(open_uploads(bucket, "")):
            await asyncio.sleep(0.05)  # the worker ends it, and tells nobody
    assert list(obstore.list(opened(bucket), export.id)) == []
