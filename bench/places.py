"""The rows of the workload where exports read them: each place is a source of a kind, for the sources file and the catalog.

What is made of the rows for that lies beside them and is kept. A server runs while its context lasts.
"""

# ruff: noqa: S608 - names in SQL are this file's own
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.peer import NotMeasured
from bench.workload import COLUMNS, PART_ROWS, folder, parts
from demo.postgres import postgres, programs
from demo.seaweed import object_store

_BUCKET = "invoices"
_KEY = 'key = "uuid"'
_TABLE = f'table = "invoices"\n{_KEY}'
_SQL_COLUMNS = "uuid {uuid} primary key, issuer_rfc text, receiver_rfc text, issued_at {moment}, type text, currency text,"
_SQL_COLUMNS += " subtotal decimal(18,2), total decimal(18,2), concept text, items bigint"
_SEVERAL = "select case n when 1 then uuid else md5(uuid::text || n)::uuid end as uuid"
PAGE_ROWS = 1_000
"""Rows of one page of the API."""


@dataclass(frozen=True, slots=True)
class Place:
    """`settings` are the lines of the source in the sources file, `relation` those in each collection: where the rows
    are, and their key. `paths` are the collections, which have the rows of `relation` each, but for what stands there.
    """

    kind: str
    settings: str
    relation: str


Opened = Callable[[], AbstractContextManager[Place]]


@contextmanager
def parquet() -> Iterator[Place]:
    """The file of the workload."""
    yield _files("parquet", _rows())


@contextmanager
def csv() -> Iterator[Place]:
    """A CSV file."""
    yield _files("csv", _csv())


@contextmanager
def sqlite() -> Iterator[Place]:
    """A table, with money as SQLite keeps it, in reals, and moments as text."""
    yield _database(f"sqlite:///{_made('invoices.sqlite3', _make_sqlite)}")


@contextmanager
def duckdb_table() -> Iterator[Place]:
    """A table that is read through SQLAlchemy."""
    yield _database(f"duckdb:///{_made('invoices.duckdb', _make_duckdb)}")


@contextmanager
def postgresql() -> Iterator[Place]:
    """A table of a server of its own, loaded each time. Raises NotMeasured when it doesn't start."""
    with _started("PostgreSQL", postgres()) as url:
        columns = _SQL_COLUMNS.format(uuid="uuid", moment="timestamptz")
        psql(url, f"create table invoices ({columns})")
        psql(url, f"\\copy invoices from '{_csv()}' with (format csv, header)")
        psql(url, "vacuum analyze invoices")
        yield _database(url)


@contextmanager
def s3() -> Iterator[Place]:
    """The Parquet file in an object store. Raises NotMeasured when it doesn't start."""
    with tempfile.TemporaryDirectory(prefix="exportd-") as name:
        directory = Path(name)
        with _started("SeaweedFS", object_store(directory, _BUCKET)) as store:
            keys = {"access_key": store.access_key, "secret_key": store.secret_key}
            for key, secret in keys.items():
                (directory / key).write_text(secret)
            _upload(_rows(), store.endpoint, keys)
            given = "\n".join(f'{key} = {{ file = "{directory / key}" }}' for key in keys)
            settings = f'root = "s3://{_BUCKET}"\nendpoint = "{store.endpoint}"\n{given}'
            yield Place("parquet", settings, f'file = "{_rows().name}"')


@contextmanager
def http() -> Iterator[Place]:
    """Pages of JSON-LD with next links, from a server in a process of its own that only sends files."""
    pages = _made(f"pages-{PAGE_ROWS}", _make_pages)
    command = [sys.executable, "-m", "bench.pages", str(pages)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            if not url:
                raise NotMeasured("the server of pages did not start")
            relation = f'{_KEY}\nhttp = {{ path = "1.json" }}'
            yield Place("http", f'url = "{url}"\nallow_private = true', relation)
        finally:
            server.terminate()


PLACES: dict[str, Opened] = {
    "parquet": parquet,
    "csv": csv,
    "sqlite": sqlite,
    "postgresql": postgresql,
    "sqlalchemy": duckdb_table,
    "http": http,
    "s3": s3,
}


def several(url_of: Place, times: int) -> Place:
    """A PostgreSQL table's rows and `times` - 1 copies of them with keys of their own."""
    names = ", ".join(COLUMNS[1:])
    query = f"{_SEVERAL}, {names} from invoices, generate_series(1, {times}) as n"
    return Place(url_of.kind, url_of.settings, f'query = "{query}"\n{_KEY}')


def psql(url: str, command: str) -> None:
    """Run one command. Raises NotMeasured with what psql says."""
    program = [programs() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", command]
    done = subprocess.run(program, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise NotMeasured(f"psql: {done.stderr.strip()[-200:]}")


@contextmanager
def _started[T](name: str, server: AbstractContextManager[T]) -> Iterator[T]:
    """A server whose start may fail. Raises NotMeasured."""
    yield None
