"""Every source lets through the rows that a plain Python model does, whatever way they are stored."""

import operator
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.outcome import MatchedBy
from services.contract.spec import All, AnyOf, Filter, Operator, Term
from services.worker.schema import arrow_type
from tests.integration.sources.source_specs import read, spec_of, type_of

COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUALS: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}
DAY = datetime(2026, 1, 31, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
LIMA = timezone(timedelta(hours=-5))

COLUMNS = {
    "t": "text",
    "n": "integer",
    "d": "decimal(18,2)",
    "f": "float",
    "b": "boolean",
    "day": "date",
    "at": "timestamp",
}
MODEL: dict[str, list[Any]] = {
    "t": ["Ñandú", "ñandú", "abc", "ABC", "", None, "5", "05", "5.0", "a'b\"c"],
    "n": [0, 5, -5, 2**63 - 1, -(2**63), 2**53 + 1, 2**53, None, 7, 10],
    "d": [*map(Decimal, "9.99 12.99 15.99 19.99 0.30 -0.01 1234567890123.45 0.00 12.98".split()), None],  # noqa: SIM905
    "f": [0.1 + 0.2, 0.3, -1.5, 5e-324, 0.0, 1e308, None, 2.0, 3.0, float("inf")],
    "b": [True, False, None, True, False, True, None, False, True, True],
    "day": [date(2026, 1, d) for d in range(1, 9)] + [None, date(1900, 2, 28)],
    "at": [
        *(DAY, DAY - MICRO, DAY + MICRO, DAY + timedelta(hours=5), None, DAY.replace(year=1), DAY),
        *(DAY + timedelta(milliseconds=500), DAY + timedelta(seconds=59), DAY - timedelta(days=1)),
    ],
}
PROBES: dict[str, list[Any]] = {
    "t": ["Ñandú", "abc", "", "5", "05", "5.0", "a'b\"c"],
    "n": [5, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 6],
    "d": [Decimal("12.99"), Decimal("0.3"), Decimal("15.995"), Decimal("1234567890123.45"), Decimal(0)],
    "f": [0.3, 0.1 + 0.2, 0.0, 5e-324, 2.0],
    "b": [True, False],
    "day": [date(2026, 1, 3), date(1900, 2, 28), date(9999, 12, 31), date(1, 1, 1)],
    "at": [DAY, DAY.astimezone(LIMA), DAY + MICRO, DAY + timedelta(milliseconds=250), DAY.replace(year=1)],
}


def rows() -> Iterator[tuple[Any, ...]]:
    return zip(range(10), *(MODEL[c] for c in COLUMNS), strict=True)


def plain(value: Any) -> Any:
    """As an application would put it into a database that knows neither dates nor decimals."""
    if isinstance(value, datetime):
        return f"{value.date().isoformat()}T{value:%H:%M:%S.%fZ}"
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, Decimal) else value


def awkward(value: Any) -> Any:
    """As several applications would, each in its own way."""
    if isinstance(value, datetime):
        local = value.astimezone(LIMA) if value.year > 1 and value.microsecond else value
        return local.isoformat(" ")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    return str(value) if isinstance(value, int) and value % 2 else plain(value)


def sqlite(directory: Path, declared: str, stored: Callable[[Any], Any]) -> Path:
    path = directory / "things.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"create table t ({declared})")
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        connection.executemany(f"insert into t values ({marks})", ([stored(v) for v in row] for row in rows()))
    return path


def sqlite_declared(directory: Path) -> Path:
    declared = "t text collate nocase, n integer, d decimal(18,2), f real, b boolean, day date, at timestamp"
    return sqlite(directory, f"id integer primary key, {declared}", plain)


def sqlite_untyped(directory: Path) -> Path:
    return sqlite(directory, "id, t, n, d, f, b, day, at", awkward)


def sqlite_texts(directory: Path) -> Path:
    declared = ", ".join(f"{c} text" for c in COLUMNS)
    return sqlite(directory, f"id integer, {declared}", lambda v: repr(v) if isinstance(v, float) else plain(v))


def parquet(directory: Path) -> Path:
    names = ["id", *COLUMNS]
    types = [pa.int32(), *(arrow_type(type_of(t)) for t in COLUMNS.values())]
    arrays = [pa.array(list(c), t) for c, t in zip(zip(*rows(), strict=True), types, strict=True)]
    table = pa.table(arrays, names)
    pq.write_table(table.slice(0, 4), directory / "a.parquet")
    pq.write_table(table.slice(4), directory / "b.parquet")
    return directory


def parquet_of_texts(directory: Path) -> Path:
    arrays = [pa.array([None if v is None else csv_text(v) for v in c]) for c in zip(*rows(), strict=True)]
    pq.write_table(pa.table(arrays, ["id", *COLUMNS]), directory / "a.parquet")
    return directory


def csv_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(plain(value))


def csv_files(directory: Path) -> Path:
    columns = ["id", *COLUMNS]
    for name, part, order in (("a", list(rows())[:5], columns), ("b", list(rows())[5:], columns[::-1])):
        lines = [order, *([quoted(dict(zip(columns, row, strict=True))[c]) for c in order] for row in part)]
        text = "".join(",".join(line) + "\r\n" for line in lines)
        (directory / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    return directory


def quoted(value: Any) -> str:
    return "" if value is None else '"' + csv_text(value).replace('"', '""') + '"'


KINDS = {
    sqlite_declared: "sql",
    sqlite_untyped: "sql",
    sqlite_texts: "sql",
    parquet: "parquet",
    parquet_of_texts: "parquet",
    csv_files: "csv",
}


@pytest.fixture(scope="module", params=KINDS, ids=lambda build: build.__name__)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return KINDS[request.param], request.param(tmp_path_factory.mktemp("source"))


def matches(filter_: Filter, row: dict[str, Any]) -> bool:
    match filter_:
        case All(filters):
            return all(matches(f, row) for f in filters)
        case AnyOf(filters):
            return any(matches(f, row) for f in filters)
        case Term(column, _, op, values):
            return row[column] is not None and any(COMPARE[op](row[column], v) for v in values)


def term(column: str, op: Operator, *values: Any) -> Term:
    return Term(column, type_of(COLUMNS[column]), op, values)


def assert_as_model(source: tuple[str, Path], filter_: Filter) -> MatchedBy:
    kind, path = source
    done = read(path, spec_of(kind, {"id": "integer"}, filter=filter_))
    model = [dict(zip(["id", *COLUMNS], row, strict=True)) for row in rows()]
    assert [r["id"] for r in done.rows] == [m["id"] for m in model if matches(filter_, m)], filter_
    assert done.matched == len(done.rows)
    return done.matched_by


@pytest.mark.parametrize("column", COLUMNS)
def test_one_term(source: tuple[str, Path], column: str) -> None:
    for op, value in product(Operator, PROBES[column]):
        if column != "b" or op is Operator.EQUALS:
            assert_as_model(source, term(column, op, value))


@pytest.mark.parametrize("column", COLUMNS)
def test_any_of_several_values(source: tuple[str, Path], column: str) -> None:
    assert_as_model(source, term(column, Operator.EQUALS, *PROBES[column][:3]))


def test_values_leave_as_in_the_model(source: tuple[str, Path]) -> None:
    kind, path = source
    done = read(path, spec_of(kind, {"id": "integer", **COLUMNS}))
    assert [tuple(r.values()) for r in done.rows] == list(rows())


def test_trees(source: tuple[str, Path]) -> None:
    late = term("at", Operator.GREATER_OR_EQUAL, DAY)
    cheap = term("d", Operator.LESS, Decimal(13))
    named = term("t", Operator.EQUALS, "abc", "5", "Ñandú")
    for tree in (
        All(),
        AnyOf(),
        All((late, cheap)),
        AnyOf((late, cheap, named)),
        All((AnyOf((late, named)), AnyOf((cheap, term("b", Operator.EQUALS, True))))),
        All((term("n", Operator.GREATER, -6), term("n", Operator.LESS_OR_EQUAL, 7), All((late,)))),
    ):
        assert_as_model(source, tree)


def test_the_source_counts_what_is_stored_in_one_way(tmp_path: Path) -> None:
    source = ("sql", sqlite_declared(tmp_path))
    for counted in (
        term("t", Operator.EQUALS, "abc"),
        term("n", Operator.LESS, 5),
        term("b", Operator.EQUALS, True),
        term("day", Operator.GREATER, date(2026, 1, 3)),
        term("at", Operator.GREATER_OR_EQUAL, DAY),
    ):
        assert assert_as_model(source, counted) is MatchedBy.COUNT
    assert assert_as_model(source, term("d", Operator.LESS, Decimal(5))) is MatchedBy.END_OF_STREAM


@pytest.mark.parametrize(
    ("between", "rows_expected"), [(("12.99", "15.99"), 15), (("12.99", "12.99"), 8), (("0", "100"), 30)]
)
def test_prices_between_two_bounds(tmp_path: Path, between: tuple[str, str], rows_expected: int) -> None:
    prices = ["9.99", "12.99", "15.99", "19.99"]
    path = tmp_path / "things.sqlite3"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (id integer primary key, d decimal(18,2))")
        connection.executemany("insert into t values (?, ?)", ((i, prices[i % 4]) for i in range(30)))
    low, high = (Decimal(b) for b in between)
    filter_ = All((term("d", Operator.GREATER_OR_EQUAL, low), term("d", Operator.LESS_OR_EQUAL, high)))
    assert read(path, spec_of("sql", {"id": "integer"}, filter=filter_)).matched == rows_expected
