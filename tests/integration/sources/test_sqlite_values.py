"""Every value leaves a SQLite database as it went in."""

import math
import random
import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.contract.outcome import MatchedBy
from services.contract.spec import OrderTerm, Relation
from services.worker.sources.errors import SourceFailed
from tests.integration.sources.source_specs import ATTACHMENT, Fill, read, spec_of


def values(sqlite_table: Fill, type_: str, stored: list[Any], declared: str = "") -> list[Any]:
    path = sqlite_table(f"id integer primary key, v {declared}", enumerate(stored))
    return [row["v"] for row in read(path, spec_of("sql", {"v": type_})).rows]


def test_doubles_are_bit_exact(sqlite_table: Fill) -> None:
    chance = random.Random(1)
    doubles = [0.1 + 0.2, 5e-324, 1e308, 1 / 3, 2.5e-310, 123456789.123456789, 1e22, math.inf, -math.inf]
    drawn = (struct.unpack("d", chance.randbytes(8))[0] for _ in range(5_000))
    doubles += [x for x in drawn if not math.isnan(x)]
    assert values(sqlite_table, "float", doubles, "real") == doubles


def test_integers_are_exact_to_64_bits(sqlite_table: Fill) -> None:
    integers = [2**63 - 1, -(2**63), 2**53 + 1, 0, -1]
    assert values(sqlite_table, "integer", integers) == integers


def test_a_whole_real_is_an_integer(sqlite_table: Fill) -> None:
    assert values(sqlite_table, "integer", [5.0, -3.0], "real") == [5, -3]


def test_decimals_keep_their_digits_however_they_are_stored(sqlite_table: Fill) -> None:
    stored = ["12345678901234567890.12", "1.100", 0.1 + 0.2, 12345678901234.56, 7, -0.5, None]
    expected = ["12345678901234567890.12", "1.10", "0.30", "12345678901234.56", "7.00", "-0.50"]
    assert values(sqlite_table, "decimal(30,2)", stored) == [*map(Decimal, expected), None]


def test_every_cent_survives_a_numeric_column(sqlite_table: Fill) -> None:
    cents = [Decimal(n) / 100 for n in random.Random(2).sample(range(10**13), 3_000)]
    assert values(sqlite_table, "decimal(18,2)", [str(c) for c in cents], "decimal(18,2)") == cents


def test_texts_leave_as_they_are(sqlite_table: Fill) -> None:
    texts = ["", None, "007", "Ñandú 😀", "a\0b", "=1+1", "a\nb", " x ", "NULL", "1e5"]
    assert values(sqlite_table, "text", texts, "text") == texts


def test_booleans_are_read_from_numbers_and_words(sqlite_table: Fill) -> None:
    assert values(sqlite_table, "boolean", [1, 0, "true", "False", None]) == [True, False, True, False, None]


def test_dates_and_times(sqlite_table: Fill) -> None:
    assert values(sqlite_table, "date", ["0001-01-01", "1900-02-28", "9999-12-31", None]) == [
        date(1, 1, 1),
        date(1900, 2, 28),
        date(9999, 12, 31),
        None,
    ]


def test_times_of_day(sqlite_table: Fill) -> None:
    expected = [time(1, 2), time(23, 59, 59, 999999), None]
    assert values(sqlite_table, "time", ["01:02", "23:59:59.999999", None]) == expected


def test_timestamps_in_every_spelling(sqlite_table: Fill) -> None:
    stored = [
        "2026-01-02T03:04:05Z",
        "2026-01-02 03:04:05",
        "2026-01-02T03:04:05.123456+02:00",
        "2026-01-02T03:04",
        "2026-01-02",
        "0001-01-01T00:00:00Z",
        None,
    ]
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert values(sqlite_table, "timestamp", stored) == [
        moment,
        moment,
        moment.replace(hour=1, microsecond=123456),
        moment.replace(second=0),
        datetime(2026, 1, 2, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        None,
    ]


def test_digits_beyond_a_microsecond_are_cut_and_counted(sqlite_table: Fill) -> None:
    path = sqlite_table("id integer primary key, v", [(1, "2026-01-02T03:04:05.1234567Z"), (2, "2026-01-02T00:00:00Z")])
    done = read(path, spec_of("sql", {"v": "timestamp"}))
    assert done.rows[0]["v"] == datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    assert [(w.code, w.count) for w in done.warnings] == [("TIMESTAMP_ROUNDED", 1)]


def test_durations(sqlite_table: Fill) -> None:
    stored = ["PT1H2M3.5S", "P2DT1S", "-PT5M", "26:00:00", "-0:00:01.25", None]
    assert values(sqlite_table, "duration", stored) == [
        timedelta(hours=1, minutes=2, seconds=3.5),
        timedelta(days=2, seconds=1),
        timedelta(minutes=-5),
        timedelta(hours=26),
        timedelta(seconds=-1.25),
        None,
    ]


def test_bytes_and_json_are_kept(sqlite_table: Fill) -> None:
    path = sqlite_table("id integer primary key, b, j", [(1, b"\xff\0", '{"a": 1.10}'), (2, None, None), (3, b"", "7")])
    rows = read(path, spec_of("sql", {"b": "binary", "j": "json"})).rows
    assert [tuple(r.values()) for r in rows] == [(b"\xff\0", '{"a": 1.10}'), (None, None), (b"", "7")]


@pytest.mark.parametrize(
    ("type_", "stored"),
    [
        ("integer", "1.5"),
        ("integer", "0x1f"),
        ("integer", ""),
        ("integer", 1.5),
        ("integer", "9223372036854775808"),
        ("decimal(18,2)", "1.005"),
        ("decimal(18,2)", 1.005),
        ("decimal(4,2)", "123.45"),
        ("decimal(18,2)", "abc"),
        ("decimal(18,2)", math.inf),
        ("float", "many"),
        ("boolean", 2),
        ("date", "2026-02-30"),
        ("date", "2026-1-2"),
        ("time", "25:00"),
        ("timestamp", "yesterday"),
        ("timestamp", 1767315845),
        ("duration", "PT"),
        ("duration", "P1Y"),
        ("text", b"\xff\xfe"),
    ],
)
def test_a_value_that_is_not_of_the_type_is_named_with_its_row(sqlite_table: Fill, type_: str, stored: Any) -> None:
    path = sqlite_table("id integer primary key, v", [(1, None), (2, None), (3, stored)])
    with pytest.raises(SourceFailed, match="'v' holds a value in row 3") as failed:
        read(path, spec_of("sql", {"v": type_}))
    assert failed.value.code == "VALUE_INVALID"


def test_ten_thousand_nulls_before_the_first_value(sqlite_table: Fill) -> None:
    columns = {"n": "integer", "s": "text", "f": "float", "b": "binary", "d": "decimal(9,2)"}
    rows = [(i, None, None, None, None, None) for i in range(10_000)]
    path = sqlite_table("id integer primary key, n, s, f, b, d", [*rows, (10_000, 5, "x", 0.5, b"y", 1.5)])
    done = read(path, spec_of("sql", columns))
    assert done.matched == len(done.rows) == 10_001
    assert list(done.rows[-1].values()) == [5, "x", 0.5, b"y", Decimal("1.50")]


def test_nothing_at_all_is_a_success_with_a_warning(sqlite_table: Fill) -> None:
    done = read(sqlite_table("id integer primary key, v", []), spec_of("sql", {"v": "text"}))
    assert (done.rows, done.matched, done.matched_by) == ([], 0, MatchedBy.COUNT)
    assert [w.code for w in done.warnings] == ["NO_ROWS"]


def test_rows_come_in_the_order_of_typed_values_with_nulls_last(sqlite_table: Fill) -> None:
    path = sqlite_table("id integer primary key, v", enumerate(["10", None, "9", "-1", None, "100"]))
    up = read(path, spec_of("sql", {"v": "integer"}, order=(OrderTerm("v"), OrderTerm("id"))))
    down = read(path, spec_of("sql", {"v": "integer"}, order=(OrderTerm("v", descending=True), OrderTerm("id"))))
    assert [r["v"] for r in up.rows] == [-1, 9, 10, 100, None, None]
    assert [r["v"] for r in down.rows] == [100, 10, 9, -1, None, None]


def test_timestamps_of_mixed_spellings_sort_as_moments(sqlite_table: Fill) -> None:
    stored = ["2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00+01:00", "2026-01-01 00:00:00.123456", "2026-01-01", None]
    path = sqlite_table("id integer primary key, v", enumerate(stored))
    done = read(path, spec_of("sql", {"v": "timestamp"}, order=(OrderTerm("v"), OrderTerm("id"))))
    moments = [r["v"] for r in done.rows]
    assert moments[-1] is None
    assert moments[:-1] == sorted(moments[:-1])


def test_the_key_orders_more_rows_than_a_batch_holds(sqlite_table: Fill) -> None:
    keys = random.Random(3).sample(range(10**6), 40_000)
    path = sqlite_table("id text primary key", ((f"{k:07}",) for k in keys))
    assert [r["id"] for r in read(path, spec_of("sql", {"id": "text"})).rows] == [f"{k:07}" for k in sorted(keys)]


def test_attachments_bring_the_key_and_the_placeholders_as_text(sqlite_table: Fill) -> None:
    path = sqlite_table("id integer primary key, folder text, v integer", [(1, "a", 5), (2, None, 6)])
    done = read(path, spec_of("sql", {"v": "integer"}, attachments=(ATTACHMENT,)))
    assert done.rows == [{"v": 5}, {"v": 6}]
    assert done.hidden == [{"id": "1", "folder": "a"}, {"id": "2", "folder": None}]


def test_a_query_is_read_like_a_table(sqlite_table: Fill) -> None:
    path = sqlite_table("id integer primary key, v integer", [(1, 5), (2, 6)])
    query = Relation(query="select id, v * 2 as double from t where v > 5; ")
    assert read(path, spec_of("sql", {"double": "integer"}, relation=query)).rows == [{"double": 12}]


def test_names_are_quoted(sqlite_table: Fill) -> None:
    path = sqlite_table('id integer primary key, "od""d name" text', [(1, "x")])
    assert read(path, spec_of("sql", {'od"d name': "text"})).rows == [{'od"d name': "x"}]
