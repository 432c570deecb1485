"""Writes the workload for the services: the catalog, the sources file, and the files and databases."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

from chaos.workload import DRAFTS, EXTENSIONS, FILE_TYPES, NOTE, PAPERS, ROWS, SCAN, attachment, attachment_path, rows

SOURCES = "sources.toml"
FEWER_SOURCES = "fewer-sources.toml"
"""A sources file without the scans, like that of a worker which a roll-out has not reached yet."""

DRAFTS_DATABASE = "drafts.sqlite3"
_NUMBERS_DATABASE = "numbers.sqlite3"
_SCANS = "scans"
_FILES = ("Some", "Many", "Huge")


def build(folder: Path, *, huge: bool) -> None:
    """Write catalog.toml, sources.toml and the data into the empty `folder`; the data of Huge only with `huge`."""
    folder.mkdir(parents=True)
    (folder / "catalog.toml").write_text(_catalog())
    (folder / SOURCES).write_text(_sources(folder) + _scans(folder))
    (folder / FEWER_SOURCES).write_text(_sources(folder))
    with closing(sqlite3.connect(folder / _NUMBERS_DATABASE)) as database, database:
        _fill(database)
    for name in _FILES if huge else _FILES[:-1]:
        numbers = f"SELECT range AS n, 'number ' || range AS text FROM range({ROWS[name]})"  # noqa: S608 - ours
        duckdb.sql(f"COPY ({numbers}) TO '{folder / name}.parquet'")
    _write_scans(folder / _SCANS)


def _fill(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE Few (n INTEGER PRIMARY KEY, text TEXT)")
    database.executemany("INSERT INTO Few VALUES (?, ?)", rows("Few"))
    database.execute("CREATE TABLE Papers (n INTEGER PRIMARY KEY, text TEXT, note BLOB)")
    papers = ((n, text, attachment(NOTE, n)) for n, text in rows(PAPERS))
    database.executemany("INSERT INTO Papers VALUES (?, ?, ?)", papers)


def _write_scans(folder: Path) -> None:
    folder.mkdir()
    for n in range(ROWS[PAPERS]):
        scan = attachment(SCAN, n)
        if scan is not None:
            (folder / attachment_path(SCAN, n)).write_bytes(scan)


def _sources(folder: Path) -> str:
    return f"""
[sources.files]
kind = "parquet"
root = "{folder}"

[sources.numbers]
kind = "sql"
url = "sqlite:///{folder / _NUMBERS_DATABASE}"

[sources.drafts]
kind = "sql"
url = "sqlite:///{folder / DRAFTS_DATABASE}"
"""


def _scans(folder: Path) -> str:
    return f"""
[sources.scans]
kind = "folder"
root = "{folder / _SCANS}"
"""


def _catalog() -> str:
    kinds = {"files": "parquet", "numbers": "sql", "drafts": "sql", "scans": "folder"}
    sources = "".join(f'[sources.{name}]\nkind = "{kind}"\n' for name, kind in kinds.items())
    return sources + "".join(_collections())


def _collections() -> Iterator[str]:
    for name in _FILES:
        yield _collection(name, f"/{name.lower()}", f'source = "files"\nfile = "{name}.parquet"')
    for name in ("Few", PAPERS):
        yield _collection(name, f"/{name.lower()}", f'source = "numbers"\ntable = "{name}"\nkey = "n"')
    for file_type in FILE_TYPES:
        yield _attachment(file_type)
    yield _collection(DRAFTS, "/drafts/{batch}", 'source = "drafts"\ntable = "drafts"\nkey = "id"')
    yield f'[collections.{DRAFTS}.parameters.batch]\ncolumn = "batch"\n'


def _collection(name: str, path: str, place: str) -> str:
    return f"""
[collections.{name}]
path = "{path}"
{place}
formats = ["XLSX", "CSV", "JSON", "JSONL", "PARQUET"]
columns = [{{ field = "n", type = "integer" }}, {{ field = "text" }}]
"""


def _attachment(file_type: str) -> str:
    source = 'source = "scans"' if file_type == SCAN else 'source = "numbers"\ncolumn = "note"'
    path = f'path = "{{n}}.{EXTENSIONS[file_type]}"'
    return f'[collections.{PAPERS}.attachments."{file_type}"]\n{source}\n{path}\n'
