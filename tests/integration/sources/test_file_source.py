"""Parquet and CSV files: which are read, how their own types become the catalog's, and what is refused."""

import errno
import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.contract.outcome import MatchedBy
from services.contract.spec import ColumnType, Kind, Operator, OrderTerm, Relation, Term
from services.worker.sources.access import RowOptions
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.settings import CsvSettings, ParquetSettings
from tests.integration.sources.source_specs import ATTACHMENT, Read, opened, read, spec_of
from tests.tiers import deep

SCANDIR = os.scandir


def parquet(directory: Path, name: str = "a.parquet", **columns: Any) -> Path:
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), directory / name)
    return directory


def csv_file(directory: Path, text: str | bytes, name: str = "a.csv") -> Path:
    content = text if isinstance(text, bytes) else text.encode()
    (directory / name).write_bytes(content)
    return directory


def failure(path: Path, kind: str, columns: dict[str, str], **changes: Any) -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        read(path, spec_of(kind, columns, **changes))
    assert str(path) not in failed.value.message
    return failed.value


def values(directory: Path, type_: str, array: Any) -> list[Any]:
    """Those of a Parquet file, which has them in order already: whoever reads it, they are the same."""
    parquet(directory, id=range(len(array)), v=array)
    sorted_, as_they_lie = (
        [row["v"] for row in read(directory, spec_of("parquet", {"v": type_}, order=order)).rows]
        for order in ((OrderTerm("id"),), ())
    )
    assert sorted_ == as_they_lie
    return sorted_


@deep
@pytest.mark.parametrize(
    ("type_", "array", "expected"),
    [
        ("integer", pa.array([1, None], pa.int8()), [1, None]),
        ("integer", pa.array([2**63 - 1, None], pa.uint64()), [2**63 - 1, None]),
        ("integer", [5.0, None], [5, None]),
        ("integer", pa.array([Decimal("5.00")]), [5]),
        ("decimal(18,2)", pa.array([Decimal("1.10"), None], pa.decimal128(9, 4)), [Decimal("1.10"), None]),
        ("decimal(18,2)", [0.1 + 0.2, 12345678901234.56], [Decimal("0.30"), Decimal("12345678901234.56")]),
        ("decimal(18,2)", pa.array([12.99], pa.float32()), [Decimal("12.99")]),
        ("decimal(18,2)", [7], [Decimal("7.00")]),
        ("float", [0.1 + 0.2, 5e-324, float("inf")], [0.1 + 0.2, 5e-324, float("inf")]),
        ("boolean", [1, 0, None], [True, False, None]),
        ("text", [1, None], ["1", None]),
        ("text", pa.array([b"\xc3\xa9"], pa.binary()), ["é"]),
        ("text", pa.array(["x", "", None]).dictionary_encode(), ["x", "", None]),
        ("date", pa.array([date(1970, 1, 2), None]).cast(pa.timestamp("us")), [date(1970, 1, 2), None]),
        ("timestamp", [date(2026, 1, 2)], [datetime(2026, 1, 2, tzinfo=UTC)]),
        ("timestamp", pa.array([0], pa.timestamp("ms")), [datetime(1970, 1, 1, tzinfo=UTC)]),
        ("timestamp", pa.array([1], pa.timestamp("us", "America/Lima")), [datetime(1970, 1, 1, 0, 0, 0, 1, UTC)]),
        ("duration", ["PT1H"], [timedelta(hours=1)]),
        ("json", pa.array([{"a": [1, None]}, None]), ['{"a":[1,null]}', None]),
        ("json", ['{"a": 1.10}'], ['{"a": 1.10}']),
        ("binary", [b"\xff", None, b""], [b"\xff", None, b""]),
        ("integer", pa.nulls(2), [None, None]),
    ],
)
def test_what_a_parquet_file_holds_becomes_the_type_exactly(
    tmp_path: Path, type_: str, array: Any, expected: list[Any]
) -> None:
    assert values(tmp_path, type_, array) == expected


@pytest.mark.parametrize(
    ("type_", "array"),
    [
        ("integer", [1.5]),
        ("integer", pa.array([2**63], pa.uint64())),
        ("integer", ["1.5"]),
        ("decimal(18,2)", [1.005]),
        ("decimal(18,2)", pa.array([Decimal("1.005")])),
        ("decimal(4,2)", [123]),
        ("boolean", [2]),
        ("boolean", ["yes"]),
        ("date", pa.array([1], pa.timestamp("us"))),
        ("timestamp", pa.array([2**63 - 1], pa.timestamp("us"))),
        ("date", pa.array([2**31 - 1], pa.int32()).cast(pa.date32())),
        ("timestamp", [5]),
        ("time", pa.array([1], pa.timestamp("us"))),
        ("text", pa.array([b"\xff"], pa.binary())),
    ],
)
def test_what_cannot_become_the_type_is_refused_by_name(tmp_path: Path, type_: str, array: Any) -> None:
    parquet(tmp_path, id=range(len(array)), v=array)
    failed = failure(tmp_path, "parquet", {"v": type_})
    assert failed.code == "VALUE_INVALID"
    assert failed.message.startswith("Column 'v' holds a value ")
    without_key = failed.message.partition(", where")[0].removesuffix(".")  # which whole files have no need of
    assert failure(tmp_path, "parquet", {"v": type_}, order=()).message.startswith(without_key)


def test_nanoseconds_are_rounded_and_counted(tmp_path: Path) -> None:
    parquet(tmp_path, id=[1, 2], v=pa.array([1_000, 1_400], pa.timestamp("ns")))
    done = read(tmp_path, spec_of("parquet", {"v": "timestamp"}))
    assert [r["v"].microsecond for r in done.rows] == [1, 1]
    assert [(w.code, w.count) for w in done.warnings] == [("TIMESTAMP_ROUNDED", 1)]


def test_a_csv_tells_an_empty_text_from_no_value(tmp_path: Path) -> None:
    csv_file(tmp_path, 'id,s,n\n1,,\n2,"",""\n3,"a ""q"", é\n",7\n4,NULL,0\n')
    done = read(tmp_path, spec_of("csv", {"s": "text", "n": "integer"}))
    assert [tuple(r.values()) for r in done.rows] == [(None, None), ("", None), ('a "q", é\n', 7), ("NULL", 0)]


def test_a_csv_with_a_byte_order_mark_repeated_and_unnamed_columns(tmp_path: Path) -> None:
    csv_file(tmp_path, "\ufeffid,v,V,\r\n1,a,b,c\r\n")
    assert read(tmp_path, spec_of("csv", {"id": "integer", "v": "text"})).rows == [{"id": 1, "v": "a"}]


def test_a_csv_value_that_is_not_of_the_type_is_named_with_its_row(tmp_path: Path) -> None:
    csv_file(tmp_path, "id,at\n2,soon\n1,2026-01-01\n")
    failed = failure(tmp_path, "csv", {"at": "timestamp"})
    assert failed.message == "Column 'at' holds a value in row 2 that is not timestamp: 'soon', where id is '2'."


def test_a_csv_value_that_is_not_of_the_type_is_found_in_a_filter_too(tmp_path: Path) -> None:
    csv_file(tmp_path, "id,at\n1,soon\n2,2026-01-01\n")
    late = Term("at", ColumnType(Kind.DATE), Operator.GREATER, (date(2027, 1, 1),))
    failed = failure(tmp_path, "csv", {"id": "integer"}, filter=late)
    what = "Column 'at', which the filter compares, holds a value that is not date: 'soon'"
    assert failed.message == f"{what}, where id is '1'."


@pytest.mark.parametrize("text", [b"id,v\n1,\xff\n", 'id,v\n1,"open\n', "id,v\n1,2,3\n"])
def test_a_broken_csv_is_refused(tmp_path: Path, text: str | bytes) -> None:
    assert failure(csv_file(tmp_path, text), "csv", {"v": "text"}).code == "RELATION_INVALID"


def test_a_broken_parquet_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("hello" * 100)
    failed = failure(tmp_path, "parquet", {"v": "text"})
    assert failed.code == "RELATION_INVALID"


def test_a_glob_reads_every_file_below_the_root_in_the_order_of_the_key(tmp_path: Path) -> None:
    parquet(tmp_path, "2026/b.parquet", id=[3, 1])
    parquet(tmp_path, "2025/a[1].parquet", id=[2])
    parquet(tmp_path, "other.parquet", id=[9])
    done = read(tmp_path, spec_of("parquet", {"id": "integer"}, relation=Relation(path="20*/*.parquet")))
    assert [r["id"] for r in done.rows] == [1, 2, 3]
    assert (done.matched, done.total, done.matched_by) == (3, 3, MatchedBy.COUNT)


@pytest.mark.parametrize("path", ["../out.parquet", "/out.parquet", "no.parquet", ""])
def test_nothing_outside_of_the_root_is_read(tmp_path: Path, path: str) -> None:
    parquet(tmp_path, "out.parquet", id=[1])
    root = tmp_path / "root"
    root.mkdir()
    given = str(tmp_path) + path if path.startswith("/") else path
    failed = failure(root, "parquet", {"id": "integer"}, relation=Relation(path=given))
    assert failed.code == "RELATION_MISSING"


@pytest.mark.parametrize(
    ("pattern", "file", "why"),
    [
        ("out.csv", "out.csv", "is a link that leads out of it"),
        ("*.csv", "out.csv", "is a link that leads out of it"),
        ("folder/*.csv", "folder", "is a link that leads out of it"),
        ("f*/*.csv", "folder", "is a link that leads out of it"),
        ("**/good.csv", "circle/circle.csv", "is a broken link"),
        ("folder/**/*.csv", "folder", "is a link that leads out of it"),
        ("lost/*.csv", "lost/lost.csv", "is a broken link"),
        ("lost/lost.csv", "lost/lost.csv", "is a broken link"),
        ("circle/circle*", "circle/circle.csv", "is a broken link"),
        ("circle/*/*.csv", "circle/circle.csv", "is a broken link"),
        ("pipes/*", "pipes/a.csv", "is not a regular file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_not_left_out(
    tmp_path: Path, pattern: str, file: str, why: str
) -> None:
    """Rows of the others would be all that there is, and nobody would know."""
    csv_file(tmp_path, "id\n9\n", "out.csv")
    root = tmp_path / "root"
    for folder in ("circle", "lost", "pipes", "twice"):
        (root / folder).mkdir(parents=True)
        csv_file(root / folder, "id\n1\n", "good.csv")
    (root / "out.csv").symlink_to(tmp_path / "out.csv")
    (root / "folder").symlink_to(tmp_path)
    (root / "lost/lost.csv").symlink_to("nowhere.csv")
    (root / "circle/circle.csv").symlink_to("circle.csv")
    os.mkfifo(root / "pipes/a.csv")
    os.link(tmp_path / "out.csv", root / "twice/a.csv")
    failed = failure(root, "csv", {"id": "integer"}, relation=Relation(path=pattern))
    assert failed.code == "RELATION_INVALID"
    assert failed.message == f"The source 'things' holds '{file}', which {why}."


def test_a_folder_that_cannot_be_listed_is_not_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pathlib does, silently."""
    csv_file(tmp_path, "id\n1\n")
    (tmp_path / "closed").mkdir()

    def scandir(path: Any) -> Any:
        if isinstance(path, int) and os.path.samestat(os.fstat(path), (tmp_path / "closed").stat()):
            raise PermissionError(errno.EACCES, "closed")
        return SCANDIR(path)

    monkeypatch.setattr(os, "scandir", scandir)
    failed = failure(tmp_path, "csv", {"id": "integer"}, relation=Relation(path="**/*.csv"))
    assert failed.code == "SOURCE_UNAVAILABLE"


def test_links_below_the_root_lead_to_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "2026/01").mkdir(parents=True)
    csv_file(tmp_path / "2026/01", "id\n1\n")
    (tmp_path / "latest").symlink_to("2026/01")
    (tmp_path / "2026/all").symlink_to("..")
    (tmp_path / "b.csv").symlink_to("latest/a.csv")
    for pattern in ("**/*.csv", "*/*/*.csv", "latest/*", "b.csv", "2026/all/2026/01/a.csv", "**/**/a.csv"):
        done = read(tmp_path, spec_of("csv", {"id": "integer"}, relation=Relation(path=pattern)))
        assert [row["id"] for row in done.rows] == [1], pattern


def test_hard_links_are_read_unless_the_operator_says_no(tmp_path: Path) -> None:
    csv_file(tmp_path, "id\n1\n")
    os.link(tmp_path / "a.csv", tmp_path / "b.csv")
    spec = spec_of("csv", {"id": "integer"}, relation=Relation(path="a.csv"))
    with opened(CsvSettings("things", tmp_path), spec) as reading:
        assert reading.rows_matched() == 1
    with (
        pytest.raises(SourceFailed, match=r"a\.csv', which is a hard link"),
        opened(CsvSettings("things", tmp_path, hard_links=False), spec),
    ):
        pass


def test_a_root_that_is_gone_may_come_back(tmp_path: Path) -> None:
    failed = failure(tmp_path / "none", "csv", {"id": "integer"})
    assert failed.code == "SOURCE_UNAVAILABLE"


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    failed = failure(parquet(tmp_path, id=[1]), "parquet", {"id": "integer", "v": "text"})
    assert (failed.code, failed.message) == ("COLUMN_MISSING", "The source 'things' lacks: v.")


def test_files_replaced_in_the_middle_end_the_reading(tmp_path: Path) -> None:
    parquet(tmp_path, id=[1, 2, 3])
    settings = ParquetSettings("things", tmp_path)
    spec = spec_of("parquet", {"id": "integer"})
    with opened(settings, spec) as reading:
        parquet(tmp_path, "new.parquet", id=[4])
        (tmp_path / "new.parquet").replace(tmp_path / "a.parquet")
        with pytest.raises(SourceFailed) as failed:
            list(reading.batches())
    assert failed.value.code == "SOURCE_CHANGED"


def test_files_that_come_later_are_not_read(tmp_path: Path) -> None:
    parquet(tmp_path, id=[1])
    settings = ParquetSettings("things", tmp_path)
    spec = spec_of("parquet", {"id": "integer"})
    with opened(settings, spec) as reading:
        parquet(tmp_path, "later.parquet", id=[2])
        assert sum(b.num_rows for b in reading.batches()) == reading.rows_matched() == 1


def test_a_reading_may_be_left_in_the_middle(tmp_path: Path) -> None:
    parquet(tmp_path, id=range(50_000))
    settings = ParquetSettings("things", tmp_path)
    spec = spec_of("parquet", {"id": "integer"})
    with opened(settings, spec) as reading:
        assert next(reading.batches()).num_rows > 0


def test_nulls_come_last_either_way(tmp_path: Path) -> None:
    parquet(tmp_path, id=[1, 2, 3], v=["10", None, "9"])

    def ordered(*, descending: bool) -> Read:
        order = (OrderTerm("v", descending=descending), OrderTerm("id"))
        return read(tmp_path, spec_of("parquet", {"v": "integer"}, order=order))

    assert [r["v"] for r in ordered(descending=False).rows] == [9, 10, None]
    assert [r["v"] for r in ordered(descending=True).rows] == [10, 9, None]


def test_attachments_bring_the_key_and_the_placeholders_as_text(tmp_path: Path) -> None:
    parquet(tmp_path, id=[1], folder=["a"], v=[5])
    done = read(tmp_path, spec_of("parquet", {"v": "integer"}, attachments=(ATTACHMENT,)))
    assert (done.rows, done.hidden) == ([{"v": 5}], [{"id": "1", "folder": "a"}])


def test_no_rows_is_a_success_with_a_warning(tmp_path: Path) -> None:
    done = read(csv_file(tmp_path, "id,v\n"), spec_of("csv", {"v": "date"}))
    assert (done.rows, done.matched, [w.code for w in done.warnings]) == ([], 0, ["NO_ROWS"])


def test_a_sort_leaves_nothing_in_its_directory(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    parquet(tmp_path, id=range(1_000))
    settings = ParquetSettings("things", tmp_path)
    spec = spec_of("parquet", {"id": "integer"})
    with opened(settings, spec, RowOptions(tmp_path / "scratch")) as reading:
        assert sum(b.num_rows for b in reading.batches()) == 1_000
    assert list((tmp_path / "scratch").iterdir()) == []
