import csv
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from services.api.catalog.definition import file as catalog_file
from services.worker.sources import settings as sources_file
from services.worker.sources.sql.sqlite.settings import SqliteSettings

pytestmark = pytest.mark.slow

CODES = ("Entities", "Invoices", "LineItems", "Payments", "Flights", "Airports", "Airlines", "Planes", "Weather")


def parse(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def source_columns(directory: Path, collection: dict[str, Any]) -> set[str]:
    source = parse(directory / "sources.toml")["sources"][collection["source"]]
    if source["kind"] == "sql":
        with closing(sqlite3.connect(directory / source["url"].removeprefix("sqlite:///"))) as db:
            return {row[1] for row in db.execute(f"PRAGMA table_info({collection['table']})")}
    file = directory / source["root"] / collection["file"]
    if source["kind"] == "parquet":
        return set(pq.read_schema(file).names)
    with file.open(encoding="utf-8", newline="") as lines:
        return set(next(csv.reader(lines)))


def named_columns(collection: dict[str, Any]) -> set[str]:
    columns = {column.get("name", column["field"]) for column in collection["columns"]}
    parameters = {parameter["column"] for parameter in collection.get("parameters", {}).values()}
    return columns | parameters | set(collection["key"])


def test_both_files_name_the_same_sources(sample_directory: Path) -> None:
    catalog, sources = (parse(sample_directory / name)["sources"] for name in ("catalog.toml", "sources.toml"))
    assert {id_: source["kind"] for id_, source in catalog.items()} == {
        id_: source["kind"] for id_, source in sources.items()
    }
    assert {source["kind"] for source in sources.values()} == {"sql", "parquet", "csv", "folder"}


def test_the_catalog_has_these_collections(sample_directory: Path) -> None:
    assert sorted(parse(sample_directory / "catalog.toml")["collections"]) == sorted(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_collection_shows_every_column_of_its_source(sample_directory: Path, code: str) -> None:
    collection = parse(sample_directory / "catalog.toml")["collections"][code]
    assert named_columns(collection) == source_columns(sample_directory, collection)


@pytest.mark.parametrize("code", CODES)
def test_a_collection_is_ordered_by_fields_it_has(sample_directory: Path, code: str) -> None:
    collection = parse(sample_directory / "catalog.toml")["collections"][code]
    fields = [column["field"] for column in collection["columns"]]
    assert len(set(fields)) == len(fields)
    assert {term.removeprefix("-") for term in collection.get("order", [])} <= set(fields)


def test_attachments_are_found_by_columns_of_their_invoice(sample_directory: Path) -> None:
    collection = parse(sample_directory / "catalog.toml")["collections"]["Invoices"]
    attachment = collection["attachments"]["invoice.cfdi.xml"]
    root = sample_directory / parse(sample_directory / "sources.toml")["sources"][attachment["source"]]["root"]
    with closing(sqlite3.connect(sample_directory / "cfdi.sqlite3")) as db:
        db.row_factory = sqlite3.Row
        [demo] = db.execute("SELECT * FROM invoices ORDER BY issued_at LIMIT 1")
    assert (root / attachment["path"].format(**dict(demo))).is_file()


def test_both_services_accept_their_file(sample_directory: Path) -> None:
    collections = catalog_file.load(sample_directory / "catalog.toml").collections
    assert sorted(collection.code for collection in collections) == sorted(CODES)
    sources = sources_file.load(sample_directory / "sources.toml")
    places = [source.path if isinstance(source, SqliteSettings) else source.root for source in sources.values()]
    assert all(place.exists() for place in places)
