"""Values of a database of DuckDB: what its driver makes of them is seen nowhere."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from services.contract.spec import Operator, OrderTerm, Relation, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.sql.other.settings import OtherSqlSettings
from tests.integration.sources.source_specs import Read, read, spec_of, type_of
from tests.tiers import deep

MANY = "170141183460469231731687303715884105727"


def rows(directory: Path, values: str, type_: str, **changes: Any) -> Read:
    """Of a table (id, v) with rows of these expressions."""
    file = directory / "things.duckdb"
    with duckdb.connect(str(file)) as connection:
        listed = ", ".join(f"({place}, {value})" for place, value in enumerate(values.split(" ; ")))
        connection.execute(f"create or replace table t as select * from (values {listed}) as r(id, v)")
    settings = OtherSqlSettings("things", f"duckdb:///{file}")
    return read(settings, spec_of("sql", {"v": type_}, **{"order": (OrderTerm("id"),), **changes}))


def column(directory: Path, values: str, type_: str, **changes: Any) -> list[Any]:
    return [row["v"] for row in rows(directory, values, type_, **changes).rows]


@deep
@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (f"[{MANY}::hugeint]", "json", f"[{MANY}]"),
        ("map {7: 'seven'}", "json", '{"7":"seven"}'),
        ("[1.10::decimal(10,2)]", "json", "[1.1]"),
        ("[1234567890123456.78::decimal(18,2)]", "json", "[1234567890123456.78]"),
        ("['a', 'b']", "text", '["a","b"]'),
        ("['a', 'b']", "json", '["a","b"]'),
        ("{'a': 0.1::float, 'it''s': [null]}", "text", '{"a":0.1,"it\'s":[null]}'),
        ("interval '1 month 2 days'", "text", "P1M2D"),
        ("interval '14 months'", "text", "P1Y2M"),
        ("interval '-1 month'", "text", "P-1M"),
        ("interval '-61.5 seconds'", "text", "PT-1M-1.5S"),
        ("interval '0 days'", "text", "PT0S"),
        ("interval '0.000001 seconds'", "text", "PT0.000001S"),
        ("interval '-0.5 seconds'", "text", "PT-0.5S"),
        ("interval '-61.5 seconds'", "duration", timedelta(seconds=-61.5)),
        ("interval '2 days 3 hours'", "duration", timedelta(days=2, hours=3)),
        ("0.1::float", "float", 0.1),
        ("0.1::float", "text", "0.1"),
        ("0.1::float", "decimal(20,18)", Decimal("0.1")),
        ("0.1::double", "decimal(38,30)", Decimal("0.1")),
        (f"{MANY}::hugeint", "text", MANY),
        ("0.5::decimal(1,1)", "text", "0.5"),
        ("0.5::decimal(20,20)", "json", f"0.5{'0' * 19}"),
        ("'2026-01-01 00:00:00+01'::timestamptz", "timestamp", datetime(2025, 12, 31, 23, tzinfo=UTC)),
        ("date '2026-01-01'", "date", date(2026, 1, 1)),
        ("time '23:59:59.999999'", "time", time(23, 59, 59, 999_999)),
        ("'\\xff'::blob", "binary", b"\xff"),
        ("uuid '00000000-0000-0000-0000-000000000001'", "text", "00000000-0000-0000-0000-000000000001"),
        ("'a'::enum('a', 'b')", "text", "a"),
        ("true", "boolean", True),
        ("5::utinyint", "integer", 5),
    ],
)
def test_a_value_leaves_as_duckdb_has_it(tmp_path: Path, value: str, type_: str, expected: Any) -> None:
    assert column(tmp_path, f"{value} ; null", type_) == [expected, None]


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("interval '1 month 2 days'", "duration"),
        ("'infinity'::timestamp", "timestamp"),
        ("'infinity'::timestamp", "date"),
        ("'-infinity'::timestamptz", "timestamp"),
        ("'infinity'::date", "date"),
        ("time '24:00:00'", "time"),
        ("1.5", "integer"),
        (f"{MANY}::hugeint", "integer"),
        ("'\\xff'::blob", "text"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused_by_name(tmp_path: Path, value: str, type_: str) -> None:
    with pytest.raises(SourceFailed, match="VALUE_INVALID: Column 'v'"):
        rows(tmp_path, value, type_)


def test_what_is_finer_than_a_microsecond_is_cut_and_counted(tmp_path: Path) -> None:
    moments = "'2025-12-31 23:59:59.9999999'::timestamp_ns ; '1969-12-31 23:59:59.9999999'::timestamp_ns ; null"
    done = rows(tmp_path, moments, "timestamp")
    last = [datetime(year, 12, 31, 23, 59, 59, 999_999, UTC) for year in (2025, 1969)]
    assert [row["v"] for row in done.rows] == [*last, None]
    assert [(w.code, w.count) for w in done.warnings] == [("TIMESTAMP_ROUNDED", 2)]
    done = rows(tmp_path, "'23:59:59.9999999'::time_ns ; '12:00'::time_ns", "time")
    assert [row["v"] for row in done.rows] == [time(23, 59, 59, 999_999), time(12)]
    assert [w.count for w in done.warnings] == [1]


def test_reals_of_four_bytes_are_found_by_what_is_written(tmp_path: Path) -> None:
    equal = Term("v", type_of("float"), Operator.EQUALS, (0.1,))
    assert column(tmp_path, "0.1::float ; 0.2::float", "float", filter=equal) == [0.1]


def test_of_names_of_a_query_the_very_one_is_read(tmp_path: Path) -> None:
    """Of a table no two names differ by case only; DuckDB numbers those of a query."""
    query = Relation(query='select 1 as id, id + 1 as "V" from t')
    assert column(tmp_path, "null", "integer", relation=query) == [1]


def test_a_database_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    rows(tmp_path, "1", "integer")
    (tmp_path / "things.duckdb").chmod(0o400)
    url = f"duckdb:///{tmp_path}/things.duckdb?access_mode=read_only"
    fold = Term("v", type_of("text"), Operator.EQUALS, ("1",), ignore_case=True)
    spec = spec_of("sql", {"v": "text"}, filter=fold)
    assert read(OtherSqlSettings("things", url), spec).rows == [{"v": "1"}]


def test_a_reading_that_failed_leaves_nothing_open(tmp_path: Path) -> None:
    """DuckDB waits for ever to open a file of which something is still there, as what a traceback holds is."""
    held = []
    for _ in range(3):
        with pytest.raises(SourceFailed) as failed:
            rows(tmp_path, "1 ; 1.5", "integer")
        held.append(failed)
    assert column(tmp_path, "2", "integer") == [2]
