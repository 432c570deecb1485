"""The fast writer writes what the slow one writes, cell by cell."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract.formats import XlsxLayout
from services.contract.spec import Kind
from tests.budget import examples
from tests.tiers import deep
from tests.unit.fast_xlsx.fast_books import by_calamine, by_openpyxl, column, fast, slow, texts
from tests.unit.writers.writer_tables import COLUMNS, ROWS, TEXTS, counts, text_columns

FULL = st.tuples(*[ROWS]).map(lambda rows: rows[0])


def assert_same(columns, *batches, spool_dir: Path, zone: str = "UTC", compact: bool = False, **options) -> None:
    content, writer = fast(columns, *batches, zone=zone, layout=XlsxLayout(compact=compact), **options)
    expected, reference = slow(columns, spool_dir, *batches, zone=zone)
    assert padded(by_openpyxl(content)) == padded(by_openpyxl(expected))
    assert by_calamine(content) == by_calamine(expected)
    assert counts(writer) == counts(reference)
    assert writer.rows_written == reference.rows_written


def padded(sheets):
    """Without the rows at the end that hold no values: without references, gaps are empty cells."""
    for rows in sheets.values():
        while rows and all(cell[0] is None for cell in rows[-1]):
            rows.pop()
    return {
        name: [[cell if cell[0] is not None else None for cell in row] for row in rows] for name, rows in sheets.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
@settings(deadline=None, max_examples=examples(15))  # of four tests
@given(rows=ROWS)
def test_nasty_tables_are_the_same(zone, compact, rows, tmp_path_factory):
    spool_dir = tmp_path_factory.getbasetemp()
    assert_same(COLUMNS, rows[:2], rows[2:], spool_dir=spool_dir, zone=zone, compact=compact)


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(60))
@given(values=st.lists(TEXTS, min_size=1, max_size=5))
def test_texts_without_gaps_are_the_same(values, tmp_path_factory):
    assert_same(text_columns("a"), texts(*values), spool_dir=tmp_path_factory.getbasetemp())


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        (column(Kind.INTEGER), [10**15 - 1, 1 - 10**15, 0]),
        (column(Kind.INTEGER), [10**15 - 1, 10**15]),
        (column(Kind.INTEGER), [-(10**15), 1 - 10**15]),
        (column(Kind.DECIMAL, 20, 2), [Decimal("9999999999999.99"), Decimal("-0.10"), Decimal("0.00")]),
        (column(Kind.DECIMAL, 20, 2), [Decimal("10000000000000.00"), Decimal("10000000000000.01")]),
        (column(Kind.DECIMAL, 38, 38), [Decimal("1e-38"), Decimal("0.1")]),
        (column(Kind.DATE), [date(1900, 3, 1), date(9999, 12, 31)]),
        (column(Kind.DATE), [date(1900, 2, 28), date(1900, 3, 1)]),
        (column(Kind.TIMESTAMP), [datetime(1900, 3, 2, 23, 59, 59, 999_999, UTC), datetime(9999, 12, 30, tzinfo=UTC)]),
        (column(Kind.TIMESTAMP), [datetime(1900, 3, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)]),
        (column(Kind.TIMESTAMP), [datetime(1960, 5, 1, 12, 30, 1, 999_999, UTC), datetime(2026, 1, 1, tzinfo=UTC)]),
        (column(Kind.TIMESTAMP), [datetime(1900, 3, 2, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC)]),
        (column(Kind.TIMESTAMP), [datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_edges_of_the_quick_ways_are_the_same(spec, values, zone, tmp_path):
    assert_same((spec,), [{"x": v} for v in values], spool_dir=tmp_path, zone=zone)
    assert_same((spec,), [{"x": v} for v in [None, *values]], spool_dir=tmp_path, zone=zone)


@pytest.mark.parametrize(
    ("spec", "usual", "unusual"),
    [
        (column(Kind.INTEGER), 1, 10**15),
        (column(Kind.DECIMAL, 38, 2), Decimal("1.00"), Decimal("10000000000000.01")),
        (column(Kind.DECIMAL, 38, 2), Decimal("1.00"), Decimal(2**64 + 5)),  # the lower half is a small number
        (column(Kind.TIMESTAMP), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 0, 1000, UTC)),
        (column(Kind.TIMESTAMP), datetime(2026, 1, 1, tzinfo=UTC), datetime(1900, 2, 28, tzinfo=UTC)),
    ],
)
def test_each_segment_of_a_batch_looks_at_its_own_rows(spec, usual, unusual, tmp_path):
    rows = [{"x": usual}] * 4 + [{"x": unusual}, {"x": usual}]
    content, _ = fast((spec,), rows, max_sheet_rows=3)
    expected, _ = slow((spec,), tmp_path, rows)
    of_sheets = [cells for rows in by_openpyxl(content).values() for cells in rows[1:]]
    assert of_sheets == by_openpyxl(expected)["invoices"][1:]


def test_columns_of_nothing_are_the_same(tmp_path):
    assert_same(COLUMNS, [dict.fromkeys([c.field for c in COLUMNS])] * 3, spool_dir=tmp_path)


def test_the_longest_text_is_the_same(tmp_path):
    assert_same(text_columns("a"), texts("😀" * 16_383 + "x", "é" * 32_767), spool_dir=tmp_path)


@deep
def test_many_rows_are_the_same(tmp_path):
    columns = (*text_columns("a", "b"), column(Kind.INTEGER))
    rows = [{"a": f"<{n}>", "b": None if n % 3 else f" {n}", "x": n - 20_000} for n in range(17_000)]
    assert_same(columns, rows, spool_dir=tmp_path)
