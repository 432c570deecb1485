"""What can be exported under fire: numbers whose text says what they are."""

import csv
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pyzipper
from python_calamine import CalamineWorkbook

from exportd_client import File

ROWS = {"Few": 200, "Some": 20_000, "Many": 800_000, "Huge": 5_000_000}
"""Collections and their rows: a moment, a tenth of a second, a second, and for measures some seconds."""

PASSWORD = "correct horse"  # noqa: S105 - of files without a secret
_SQL = ("Few",)


class BadContent(Exception):
    """A file does not hold the rows of its collection."""


class DuplicateRow(BadContent):
    """A file holds a row more than once."""


def build(folder: Path, *, huge: bool) -> None:
    """Write catalog.toml, sources.toml and the data, that of Huge only if it is `huge`, into the empty `folder`."""
    folder.mkdir(parents=True)
    (folder / "catalog.toml").write_text(_catalog())
    sources = f'[sources.numbers]\nkind = "parquet"\nroot = "{folder}"\n'
    sources += f'[sources.table]\nkind = "sql"\nurl = "sqlite:///{folder / "numbers.sqlite3"}"\n'
    (folder / "sources.toml").write_text(sources)
    with sqlite3.connect(folder / "numbers.sqlite3") as database:
        for name in _SQL:
            database.execute(f"CREATE TABLE {name} (n INTEGER PRIMARY KEY, text TEXT)")
            database.executemany(f"INSERT INTO {name} VALUES (?, ?)", _rows(name))  # noqa: S608 - names of ours
    database.close()
    for name in ROWS.keys() - {*_SQL, *(() if huge else ("Huge",))}:
        rows = f"SELECT range AS n, 'number ' || range AS text FROM range({ROWS[name]})"  # noqa: S608
        duckdb.sql(f"COPY ({rows}) TO '{folder / name}.parquet'")


class Content:
    """Looks into files; a table that was sound once is recognised by its sha256 and not read again."""

    def __init__(self) -> None:
        self._sound: set[tuple[str, str]] = set()

    def check(self, data: bytes, file: File, collection: str) -> None:
        """Raises BadContent unless the bytes hold each row of the collection once, in order (twice: DuplicateRow)."""
        table, extension = _unpacked(data, file)
        seen = (collection, _digest(table, extension))
        if seen not in self._sound:
            _check_rows(_READERS[extension](table), file, collection)
            self._sound.add(seen)


def _digest(table: bytes, extension: str) -> str:
    """Of what does not depend on the time of the writing: of a workbook, its entries but for the properties."""
    if extension != "xlsx":
        return sha256(table).hexdigest()
    with zipfile.ZipFile(BytesIO(table)) as book:
        names = [name for name in book.namelist() if not name.startswith("docProps/")]
        return sha256(b"".join(name.encode() + sha256(book.read(name)).digest() for name in names)).hexdigest()


def _check_rows(rows: list[tuple[Any, ...]], file: File, collection: str) -> None:
    if len({str(row[0]) for row in rows}) < len(rows):
        raise DuplicateRow(f"{len(rows)} rows, and not all of them different")
    for there, wanted in zip(rows, _rows(collection), strict=False):
        if (int(there[0]), str(there[1])) != wanted:
            raise BadContent(f"{there} where {wanted} belongs")
    if len(rows) != ROWS[collection]:
        raise BadContent(f"{len(rows)} rows instead of {ROWS[collection]}")
    if file.row_count != len(rows):
        raise BadContent(f"{len(rows)} rows, and {file.row_count} announced")


def _rows(name: str) -> Iterator[tuple[int, str]]:
    return ((n, f"number {n}") for n in range(ROWS[name]))


def _unpacked(data: bytes, file: File) -> tuple[bytes, str]:
    """The table and its extension; of a ZIP, the entry beside manifest.json."""
    if file.extension != "zip":
        return data, file.extension
    with _opened(BytesIO(data), encrypted=file.encrypted) as archive:
        (name,) = (name for name in archive.namelist() if name != "manifest.json")
        return archive.read(name), name.rpartition(".")[2]


def _opened(data: BytesIO, *, encrypted: bool) -> zipfile.ZipFile:
    if not encrypted:
        return zipfile.ZipFile(data)
    archive = pyzipper.AESZipFile(data)
    archive.setpassword(PASSWORD.encode())
    return archive  # type: ignore[no-any-return]  # pyzipper has no types; it is a ZipFile


def _from_csv(data: bytes) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in csv.reader(data.decode().splitlines())][1:]


def _from_json(data: bytes) -> list[tuple[Any, ...]]:
    return [(row["n"], row["text"]) for row in json.loads(data)]


def _from_jsonl(data: bytes) -> list[tuple[Any, ...]]:
    return [(row["n"], row["text"]) for row in map(json.loads, data.splitlines())]


def _from_xlsx(data: bytes) -> list[tuple[Any, ...]]:
    book = CalamineWorkbook.from_filelike(BytesIO(data))
    return [(int(str(row[0]).removesuffix(".0")), row[1]) for row in book.get_sheet_by_index(0).to_python()[1:]]


def _from_parquet(data: bytes) -> list[tuple[Any, ...]]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - a heavy import that few runs need

    table = pq.read_table(BytesIO(data))
    return list(zip(table["n"].to_pylist(), table["text"].to_pylist(), strict=True))


_READERS = {
    "csv": _from_csv,
    "json": _from_json,
    "jsonl": _from_jsonl,
    "xlsx": _from_xlsx,
    "parquet": _from_parquet,
}


def _catalog() -> str:
    sources = '[sources.numbers]\nkind = "parquet"\n[sources.table]\nkind = "sql"\n'
    return sources + "".join(_collection(name) for name in ROWS)


def _collection(name: str) -> str:
    place = (
        f'source = "table"\ntable = "{name}"\nkey = "n"'
        if name in _SQL
        else f'source = "numbers"\nfile = "{name}.parquet"'
    )
    return f"""
[collections.{name}]
path = "/{name.lower()}"
{place}
formats = ["XLSX", "CSV", "JSON", "JSONL", "PARQUET"]
columns = [{{ field = "n", type = "integer" }}, {{ field = "text" }}]
"""
