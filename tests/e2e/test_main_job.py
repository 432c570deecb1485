"""The main job through the front door: processes, the client, files read back by foreign software."""

import csv
import hashlib
import json
import random
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from python_calamine import CalamineWorkbook

from demo.processes import Begin, DidNotStart, start_api
from exportd_client import Export, ExportClient, NotFound
from sample import DEMO_ENTITY
from tests.e2e.conftest import House

FLIGHTS = 336_776
INVOICES = f"/entities/{DEMO_ENTITY}/invoices?issuedAt[after]=2026-01-01"


@pytest.fixture
async def client(quiet_house: House) -> AsyncIterator[ExportClient]:
    async with ExportClient(quiet_house.target) as client:
        yield client


@pytest.fixture(scope="module")
async def flights(quiet_house: House) -> Export:
    """All of them as CSV, built once."""
    async with ExportClient(quiet_house.target) as client:
        return await _done(client, await client.create("/flights", format="csv"))


async def _done(client: ExportClient, export: Export) -> Export:
    return [seen async for seen in client.watch(export.id)][-1]


async def test_all_flights_as_csv_are_all_there_and_read_back(
    client: ExportClient, flights: Export, tmp_path: Path
) -> None:
    export = flights
    assert export.state == Export.STATE_COMPLETED
    assert export.result.rows_matched == export.result.rows_written == export.file.row_count == FLIGHTS
    await client.download(export, tmp_path / "flights.csv")
    with (tmp_path / "flights.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == FLIGHTS
    assert [int(row["id"]) for row in rows[:3]] == [1, 2, 3]
    assert hashlib.sha256((tmp_path / "flights.csv").read_bytes()).hexdigest() == export.file.sha256


async def test_invoices_come_with_their_xml_in_a_zip(client: ExportClient, tmp_path: Path) -> None:
    export = await _done(client, await client.create(INVOICES, format="xlsx", file_types=["invoice.cfdi.xml"]))
    assert (export.state, export.file.media_type) == (Export.STATE_COMPLETED, "application/zip")
    await client.download(export, tmp_path / "invoices.zip")
    with zipfile.ZipFile(tmp_path / "invoices.zip") as bundle:
        assert bundle.testzip() is None
        names = bundle.namelist()
        (tmp_path / "invoices.xlsx").write_bytes(bundle.read("invoices.xlsx"))
        roots = [ET.fromstring(bundle.read(name)) for name in names if name.endswith(".xml")]  # noqa: S314
    header, *rows = CalamineWorkbook.from_path(str(tmp_path / "invoices.xlsx")).get_sheet_by_index(0).to_python()
    assert len(rows) == len(roots) == export.file.row_count
    assert export.file.entry_count == len(names)
    assert {root.tag.rpartition("}")[2] for root in roots} == {"Comprobante"}
    listed = {entry for row in rows for entry in str(row[header.index("files")]).split("; ")}
    assert listed == {name for name in names if name.endswith(".xml")}


@pytest.mark.parametrize("format_", ["json", "jsonl", "csv", "xlsx"])
async def test_leading_zeros_and_digits_survive_every_format(
    client: ExportClient, tmp_path: Path, format_: str
) -> None:
    export = await _done(client, await client.create(INVOICES, format=format_))
    path = tmp_path / f"invoices.{format_}"
    await client.download(export, path)
    if format_ == "xlsx":
        header, *rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
        codes = {row[header.index("Payment method")] for row in rows}
    elif format_ == "csv":
        with path.open(newline="") as file:
            codes = {row["Payment method"] for row in csv.DictReader(file)}
    else:
        text = path.read_text()
        records = json.loads(text) if format_ == "json" else [json.loads(line) for line in text.splitlines()]
        assert len(records) == export.file.row_count
        codes = {record["paymentMethod"] for record in records}
    assert "01" in codes


async def test_a_download_cut_at_ten_random_offsets_is_whole(client: ExportClient, flights: Export) -> None:
    export = flights
    cuts = sorted(random.Random(3).sample(range(export.file.size_bytes), 10))
    digest = hashlib.sha256()
    for begin, end in zip([0, *cuts], [*cuts, 0], strict=True):
        async for chunk in client.stream(export, offset=begin, limit=end - begin if end else 0):
            digest.update(chunk)
    assert digest.hexdigest() == export.file.sha256


async def test_a_collection_without_rows_is_a_success_with_a_warning(client: ExportClient) -> None:
    export = await _done(client, await client.create("/entities/nobody/invoices", format="json"))
    assert (export.state, export.file.row_count) == (Export.STATE_COMPLETED, 0)
    assert [warning.code for warning in export.result.warnings] == ["NO_ROWS"]
    assert b"".join([chunk async for chunk in client.stream(export)]).split() in ([b"[]"], [b"[", b"]"])


async def test_the_nearest_collection_is_named(client: ExportClient) -> None:
    with pytest.raises(NotFound, match="/flights"):
        await client.create("/flight")


async def test_a_second_api_on_the_same_directory_is_refused(quiet_house: House, forked: Begin) -> None:
    free = "127.0.0.1:0"
    with pytest.raises(DidNotStart, match="in use"):
        start_api(quiet_house.sample / "catalog.toml", quiet_house.data_dir, free, free, begin=forked)
