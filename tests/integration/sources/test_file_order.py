"""Rows of files without a key: where they lie is their order, and breaks the ties of another one."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.spec import ColumnType, JobSpec, Kind, Operator, OrderTerm, Term
from tests.integration.sources.source_specs import read, spec_of
from tests.tiers import deep_but

ROWS = 60_000
"""Of each file: more than one row group and than one batch, so that threads could mix them up."""


def keyless(kind: str, columns: dict[str, str], *order: OrderTerm) -> JobSpec:
    return replace(spec_of(kind, columns, order=order), key=())


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Three files whose names do not sort as they were made; `n` counts on from one file to the next."""
    for place, name in sorted(enumerate(("a", "b", "c")), reverse=True):
        numbers = range(place * ROWS, (place + 1) * ROWS)
        table = pa.table({"n": numbers, "remainder": [n % 7 for n in numbers]})
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=10_000)
    return tmp_path


def numbers_of(path: Path, spec: JobSpec) -> list[int]:
    return [row["n"] for row in read(path, spec).rows]


def test_rows_come_as_they_lie_file_by_file(parts: Path) -> None:
    spec = keyless("parquet", {"n": "integer"})
    assert numbers_of(parts, spec) == list(range(3 * ROWS))


def test_a_filter_keeps_their_order(parts: Path) -> None:
    is_five = Term("remainder", ColumnType(Kind.INTEGER), Operator.EQUALS, (5,))
    spec = replace(keyless("parquet", {"n": "integer"}), filter=is_five)
    assert numbers_of(parts, spec) == [n for n in range(3 * ROWS) if n % 7 == 5]


@pytest.mark.parametrize("descending", deep_but([False, True], True))
def test_rows_that_tie_come_as_they_lie(parts: Path, descending: bool) -> None:
    spec = keyless("parquet", {"n": "integer"}, OrderTerm("remainder", descending))
    expected = sorted(range(3 * ROWS), key=lambda n: n % 7, reverse=descending)
    assert numbers_of(parts, spec) == expected


def test_csv_files_stay_in_order_even_when_their_columns_do_not(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("n,x\n1,a\n2,b\n")
    (tmp_path / "2.csv").write_text("x,n\nc,3\n")
    (tmp_path / "3.csv").write_text("n,x\n" + "".join(f"{n},d\n" for n in range(4, 50_000)))
    (tmp_path / "4.csv").write_text("n\n50000\n")
    assert numbers_of(tmp_path, keyless("csv", {"n": "integer"})) == list(range(1, 50_001))
    by_x = read(tmp_path, keyless("csv", {"n": "integer", "x": "text"}, OrderTerm("x"))).rows
    assert [row["n"] for row in by_x] == list(range(1, 50_001))
