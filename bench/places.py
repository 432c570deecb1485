"""The sources of the workload, one for each kind of source. Servers run while the context lasts.

Data that is derived from the rows is stored beside them and kept.
"""

# ruff: noqa: S608 - names in SQL are this file's own
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from bench.peer import NotMeasured
from bench.workload import COLUMNS, PARTS, few, folder, glob_of, parts
from demo.postgres import postgres, programs
from demo.seaweed import object_store

PAGE_ROWS = 1_000
"""The rows per page of the HTTP API."""
MORE = 3
"""The size of the PostgreSQL collection `invoices-3`, in multiples of `invoices-1`."""
_ONE = "invoices-1"
_BUCKET = "invoices"
_BY_KEY = 'key = "uuid"'
_TABLE = f'table = "invoices"\n{_BY_KEY}'
_MONEY = "subtotal {money}, total {money}, concept text, items bigint"
_SQLITE = f"""create table invoices (uuid text primary key, issuer_rfc text, receiver_rfc text, issued_at text,
  type text, currency text, {_MONEY.format(money="real")})"""
_POSTGRESQL = f"""create table invoices (uuid uuid primary key, issuer_rfc text, receiver_rfc text,
  issued_at timestamptz, type text, currency text, {_MONEY.format(money="numeric(18,2)")})"""
_COPIES = f"""select case n when 1 then uuid else md5(uuid::text || n)::uuid end as uuid, {", ".join(COLUMNS[1:])}
  from invoices, generate_series(1, {MORE}) as n"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """A source: its kind, its lines in the sources file, and for each collection the lines that name its rows.

    `url` is set for a server.
    """

    kind: str
    settings: str
    relations: Mapping[str, str]
    url: str = ""


def parquet_files() -> Place:
    """Return the files of the workload: `few`, and a collection for each number of parts, such as `invoices-10`."""
    few(_rows())
    relations = {f"invoices-{count}": f'file = "{glob_of(count)}"' for count in PARTS}
    return Place("parquet", f'root = "{_rows()}"', {"few": 'file = "few.parquet"', **relations})


@contextmanager
def parquet() -> Iterator[Place]:
    """Yield the first file of the workload."""
    yield Place("parquet", f'root = "{_rows()}"', {_ONE: f'file = "{_part().name}"'})


@contextmanager
def csv() -> Iterator[Place]:
    """Yield a CSV file."""
    yield Place("csv", f'root = "{_rows()}"', {_ONE: f'file = "{_csv().name}"'})


@contextmanager
def sqlite() -> Iterator[Place]:
    """Yield a table in which money is REAL and times are texts."""
    yield _table(f"sqlite:///{_made('invoices.sqlite3', _make_sqlite)}")


@contextmanager
def sqlalchemy() -> Iterator[Place]:
    """Yield a table of DuckDB, through its SQLAlchemy dialect."""
    yield _table(f"duckdb:///{_made('invoices.duckdb', _make_duckdb)}")


@contextmanager
def postgresql() -> Iterator[Place]:
    """Yield a newly loaded table, and a query of MORE times its rows. Raises NotMeasured if there is no server."""
    with started("PostgreSQL", postgres()) as url:
        psql(url, _POSTGRESQL)
        psql(url, f"\\copy invoices from '{_csv()}' with (format csv, header)")
        psql(url, "vacuum analyze invoices")
        copies = f'query = """{_COPIES}"""\n{_BY_KEY}'
        yield Place("sql", f'url = "{url}"', {_ONE: _TABLE, f"invoices-{MORE}": copies}, url)


@contextmanager
def s3() -> Iterator[Place]:
    """Yield the first Parquet file in an object store. Raises NotMeasured if there is none."""
    with tempfile.TemporaryDirectory(prefix="exportd-weed-") as name:
        home = Path(name)
        with started("SeaweedFS", object_store(home, _BUCKET)) as store:
            secrets = {"access_key": store.access_key, "secret_key": store.secret_key}
            _upload(store.endpoint, secrets)
            for key, secret in secrets.items():
                (home / key).write_text(secret)
            keys = "\n".join(f'{key} = {{ file = "{home / key}" }}' for key in secrets)
            settings = f'root = "s3://{_BUCKET}"\nendpoint = "{store.endpoint}"\n{keys}'
            yield Place("parquet", settings, {_ONE: f'file = "{_part().name}"'})


@contextmanager
def http() -> Iterator[Place]:
    """Yield prepared pages of JSON-LD with next links, which the server only sends."""
    folder_of_pages = _made(f"pages-{PAGE_ROWS}", _make_pages)
    command = [sys.executable, "-m", "bench.pages", str(folder_of_pages)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            if not url:
                raise NotMeasured("the server of pages did not start")
            relation = f'{_BY_KEY}\nhttp = {{ path = "1.json" }}'
            yield Place("http", f'url = "{url}"\nallow_private = true', {_ONE: relation})
        finally:
            server.terminate()


PLACES: dict[str, Callable[[], AbstractContextManager[Place]]] = {
    "parquet": parquet,
    "csv": csv,
    "s3": s3,
    "sqlite": sqlite,
    "postgresql": postgresql,
    "sqlalchemy": sqlalchemy,
    "http": http,
}
"""The sources, by their names in the figures."""


def psql(url: str, command: str) -> None:
    """Run one command, in UTC. Raises NotMeasured with the error of psql."""
    arguments = [str(programs() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", command]
    done = subprocess.run(  # noqa: S603
        arguments, env={"PGTZ": "UTC", "PGCLIENTENCODING": "UTF8"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotMeasured(f"psql: {done.stderr.strip()[-200:]}")


@contextmanager
def started(name: str, server: AbstractContextManager[T]) -> Iterator[T]:
    """Return a context in which a server runs. Raises NotMeasured if it does not start."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(server)
        except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as problem:
            raise NotMeasured(f"{name} did not start: {str(problem)[-200:]}") from problem
        yield running


def _table(url: str) -> Place:
    return Place("sql", f'url = "{url}"', {_ONE: _TABLE})


def _rows() -> Path:
    return (folder() / "rows").absolute()


def _part() -> Path:
    return parts(_rows(), 1)[0]


def _csv() -> Path:
    return _made("invoices.csv", _make_csv)


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """Return a file or folder beside the rows. It is created if it does not exist."""
    path = _rows() / name
    if not path.exists():
        half_done = _rows() / f"new-{name}"
        if half_done.is_file():
            half_done.unlink()
        make(half_done)
        half_done.rename(path)
    return path


def _make_csv(path: Path) -> None:
    with _reader() as reader:
        reader.execute(f"copy part to '{path}' (format csv, header true)")


def _make_duckdb(path: Path) -> None:
    with _reader() as reader:
        reader.execute(f"attach '{path}' as made")
        reader.execute("create table made.invoices as select * replace (issued_at::timestamp as issued_at) from part")


def _make_sqlite(path: Path) -> None:
    moment = "strftime(issued_at, '%Y-%m-%d %H:%M:%S') as issued_at"
    stored = f"select * replace ({moment}, subtotal::double as subtotal, total::double as total) from part"
    with _reader() as reader, closing(sqlite3.connect(path)) as database, database:
        database.execute(_SQLITE)
        for rows in _fetched(reader.execute(stored)):
            database.executemany(f"insert into invoices values ({', '.join('?' * len(COLUMNS))})", rows)


def _make_pages(path: Path) -> None:
    path.mkdir(exist_ok=True)
    moment = "strftime(issued_at, '%Y-%m-%dT%H:%M:%SZ') as issued_at"
    with _reader() as reader:
        (total,) = reader.execute("select count(*) from part").fetchone() or (0,)
        items = reader.execute(f"select to_json(r)::varchar from (select * replace ({moment}) from part) as r")
        for number, rows in enumerate(_fetched(items), 1):
            following = {"hydra:next": f"/{number + 1}.json"} if number * PAGE_ROWS < total else {}
            around = {"@type": "Collection", "hydra:totalItems": total, "hydra:view": following, "hydra:member": []}
            members = ", ".join(text for (text,) in rows)
            (path / f"{number}.json").write_text(f"{json.dumps(around)[:-2]}{members}]}}")


@contextmanager
def _reader() -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection in which the relation `part` is the first part."""
    with duckdb.connect() as reader:
        reader.execute("set TimeZone = 'UTC'")
        reader.execute(f"create view part as from read_parquet('{_part()}')")
        yield reader


def _fetched(found: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[Any, ...]]]:
    while rows := found.fetchmany(PAGE_ROWS):
        yield rows


def _upload(endpoint: str, keys: Mapping[str, str]) -> None:
    from pyarrow.fs import LocalFileSystem, S3FileSystem, copy_files  # noqa: PLC0415 - a slow import

    store = S3FileSystem(
        access_key=keys["access_key"], secret_key=keys["secret_key"], endpoint_override=endpoint, region="us-east-1"
    )
    copy_files(str(_part()), f"{_BUCKET}/{_part().name}", LocalFileSystem(), store)
