"""Hive partitions: their folders are columns, and those that the filter excludes are not opened."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.spec import All, AnyOf, Filter, Operator, OrderTerm, Relation, Term
from services.worker.sources.errors import SourceFailed
from tests.integration.sources.source_specs import read, spec_of, type_of

BROKEN = b"this is neither Parquet nor CSV \xff"
COLUMNS = {"id": "integer", "day": "date", "country": "text"}


def where(column: str, type_: str, operator: Operator, *values: Any, **more: bool) -> Term:
    return Term(column, type_of(type_), operator, values, **more)


def put(root: Path, kind: str, path: str, ids: list[int]) -> None:
    file = root / path / f"part.{kind}"
    file.parent.mkdir(parents=True)
    if kind == "parquet":
        pq.write_table(pa.table({"id": ids}), file)
    else:
        file.write_text("id\n" + "".join(f"{i}\n" for i in ids))


def put_broken(root: Path, kind: str, path: str) -> None:
    (root / path).mkdir(parents=True)
    (root / path / f"part.{kind}").write_bytes(BROKEN)


def ids(root: Path, kind: str, filter_: Filter = All()) -> list[int]:  # noqa: B008 - frozen
    spec = spec_of(kind, COLUMNS, filter=filter_, relation=Relation(path=f"**/*.{kind}"))
    return [row["id"] for row in read(root, spec).rows]


@pytest.fixture(params=["parquet", "csv"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_folders_are_columns(tmp_path: Path, kind: str) -> None:
    put(tmp_path, kind, "day=2026-01-02/country=C%C3%B4te d%27Ivoire", [2])
    put(tmp_path, kind, "day=2026-01-01/country=__HIVE_DEFAULT_PARTITION__", [1])
    spec = spec_of(kind, COLUMNS, relation=Relation(path=f"**/*.{kind}"))
    assert read(tmp_path, spec).rows == [
        {"id": 1, "day": date(2026, 1, 1), "country": None},
        {"id": 2, "day": date(2026, 1, 2), "country": "Côte d'Ivoire"},
    ]


def test_rows_are_sorted_by_the_type_of_a_folder(tmp_path: Path, kind: str) -> None:
    for number in (10, 9, 100):
        put(tmp_path, kind, f"n={number}", [number])
    order = (OrderTerm("n", descending=True), OrderTerm("id"))
    spec = spec_of(kind, {"n": "integer"}, order=order, relation=Relation(path=f"*/*.{kind}"))
    assert [row["n"] for row in read(tmp_path, spec).rows] == [100, 10, 9]


@pytest.mark.parametrize(
    "filter_",
    [
        where("day", "date", Operator.GREATER, date(2026, 1, 31)),
        where("DAY", "date", Operator.GREATER, date(2026, 1, 31)),
        where("country", "text", Operator.STARTS_WITH, "ñ", ignore_case=True),
        where("country", "text", Operator.EQUALS, "Ñu", "Xx"),
        All((where("id", "integer", Operator.GREATER, 0), where("country", "text", Operator.EQUALS, "Ñu"))),
        All(
            (
                AnyOf((where("id", "integer", Operator.EQUALS, 1), where("id", "integer", Operator.EQUALS, 5))),
                AnyOf((where("country", "text", Operator.IS_NULL), where("country", "text", Operator.EQUALS, "Ñu"))),
            )
        ),
    ],
)
def test_partitions_that_cannot_match_are_not_opened(tmp_path: Path, kind: str, filter_: Filter) -> None:
    put(tmp_path, kind, "day=2026-02-01/country=Ñu", [5])
    put_broken(tmp_path, kind, "day=2026-01-31/country=Mu")
    assert ids(tmp_path, kind, filter_) == [5]


def test_a_partition_that_may_match_is_opened(tmp_path: Path, kind: str) -> None:
    put(tmp_path, kind, "day=2026-02-01/country=Ñu", [5])
    put_broken(tmp_path, kind, "day=2026-01-31/country=Mu")
    either = AnyOf((where("country", "text", Operator.EQUALS, "Ñu"), where("id", "integer", Operator.EQUALS, 5)))
    with pytest.raises(SourceFailed, match="RELATION_INVALID"):
        ids(tmp_path, kind, either)


def test_when_no_partition_matches_there_are_no_rows(tmp_path: Path, kind: str) -> None:
    put(tmp_path, kind, "day=2026-02-01/country=a", [1])
    put(tmp_path, kind, "day=2026-02-02/country=b", [2])
    assert ids(tmp_path, kind, where("country", "text", Operator.EQUALS, "c")) == []


def test_a_folder_without_a_value_matches_where_nulls_do(tmp_path: Path, kind: str) -> None:
    put(tmp_path, kind, "day=__HIVE_DEFAULT_PARTITION__/country=a", [1])
    put(tmp_path, kind, "day=2026-02-02/country=a", [2])
    late = Operator.GREATER, date(2027, 1, 1)
    assert ids(tmp_path, kind, where("day", "date", *late, or_null=True)) == [1]
    assert ids(tmp_path, kind, where("day", "date", *late)) == []


def test_a_folder_that_is_not_of_the_type_is_named(tmp_path: Path, kind: str) -> None:
    put(tmp_path, kind, "day=soon/country=a", [1])
    put(tmp_path, kind, "day=2026-02-01/country=a", [2])
    late = where("day", "date", Operator.GREATER, date(2026, 1, 1))
    with pytest.raises(SourceFailed, match=r"Column 'day', .* that is not date: 'soon', where id is '1'"):
        ids(tmp_path, kind, late)
    assert ids(tmp_path, kind, All((late, where("id", "integer", Operator.EQUALS, 2)))) == [2]


def test_a_root_below_such_a_folder_and_files_without_one(tmp_path: Path, kind: str) -> None:
    put(tmp_path, kind, "year=2026/plain", [1, 2])
    spec = spec_of(kind, {"id": "integer"}, relation=Relation(path=f"*/*.{kind}"))
    assert [row["id"] for row in read(tmp_path / "year=2026", spec).rows] == [1, 2]
