"""CSV files as others write them: what the sources file says of them holds for every reader, and what does not fit is
said with its file, line and reason, without a value of a row.
"""

import codecs
from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.contract.spec import Operator, OrderTerm, Relation, Term
from services.runtime import logs
from services.worker.sources.access import RowOptions
from services.worker.sources.errors import SourceFailed
from services.worker.sources.files.csv_faults import Fault, fault
from services.worker.sources.files.introspect import relation_columns
from services.worker.sources.files.settings import CsvSettings
from services.worker.sources.files.source import FileSource
from tests.integration.sources.source_specs import Read, read, spec_of, type_of
from tests.tiers import deep, deep_but

SECRET = "hunter2"


def put(directory: Path, content: str | bytes, name: str = "a.csv") -> None:
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def done(directory: Path, columns: dict[str, str], *, path: str = "**/*.csv", order: Any = (), **changes: Any) -> Read:
    """Read with these settings; `filter` is of the spec."""
    filters = {"filter": changes.pop("filter")} if "filter" in changes else {}
    spec = spec_of("csv", columns, relation=Relation(path=path), order=order, **filters)
    return read(CsvSettings("things", directory, **changes), spec)


def values(directory: Path, columns: dict[str, str], **changes: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in done(directory, columns, **changes).rows]


def refused(directory: Path, columns: dict[str, str], **changes: Any) -> str:
    with pytest.raises(SourceFailed) as failed:
        done(directory, columns, **changes)
    assert SECRET not in failed.value.message
    assert str(directory) not in failed.value.message
    assert SECRET not in " ".join(logs.outline(failed.value))
    return str(failed.value)


ID_NAME = {"id": "integer", "name": "text"}
EVERYWHERE = [('id;name\r\n2;"a;b"\r\n1;ñ\r\n', {"delimiter": ";"}), ("id|name\n2|a;b\n1|ñ\n", {"delimiter": "|"})]


@pytest.mark.parametrize(("text", "settings"), [*EVERYWHERE, ("id\tname\n2\ta;b\n1\tñ\n", {"delimiter": "\t"})])
def test_a_delimiter_reaches_every_reader(tmp_path: Path, text: str, settings: dict[str, Any]) -> None:
    put(tmp_path, text)
    assert values(tmp_path, ID_NAME, **settings) == [(2, "a;b"), (1, "ñ")]
    assert values(tmp_path, ID_NAME, order=(OrderTerm("id"),), **settings) == [(1, "ñ"), (2, "a;b")]
    found = done(tmp_path, ID_NAME, filter=Term("name", type_of("text"), Operator.EQUALS, ("ñ",)), **settings)
    assert (found.matched, found.total, found.rows) == (1, 1, [{"id": 1, "name": "ñ"}])


def test_a_file_of_tabs_is_known_by_its_name(tmp_path: Path) -> None:
    put(tmp_path, "id\tname\n1\ta,b\n", "a.tsv")
    assert values(tmp_path, ID_NAME, path="a.tsv") == [(1, "a,b")]
    put(tmp_path, "id;name\n1;x\n", "b.tsv")
    assert values(tmp_path, ID_NAME, path="b.tsv", delimiter=";") == [(1, "x")]


def test_a_first_line_that_names_the_delimiter_is_no_row(tmp_path: Path) -> None:
    put(tmp_path, "\ufeffsep=;\r\nid;name\r\n1;x\r\n", "a.csv")
    put(tmp_path, "id,name\r\n2,y\r\n", "b.csv")
    assert values(tmp_path, ID_NAME) == [(1, "x"), (2, "y")]
    assert "sep=;" in refused(tmp_path, ID_NAME, delimiter=",")


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", "\ufeffid,name\n1,año 😀\n".encode()),
        ("utf-16", "id,name\n1,año 😀\n".encode("utf-16")),
        ("utf-16", codecs.BOM_UTF16_BE + "id,name\n1,año 😀\n".encode("utf-16-be")),
        ("utf-16-le", "id,name\n1,año 😀\n".encode("utf-16-le")),
        ("utf-16-be", "id,name\n1,año 😀\n".encode("utf-16-be")),
        ("gb18030", "id,name\n1,año 😀\n".encode("gb18030")),
    ],
)
def test_every_encoding_is_read_whole(tmp_path: Path, encoding: str, content: bytes) -> None:
    put(tmp_path / "year=2026", content)
    spec = {"id": "integer", "name": "text", "year": "integer"}
    assert values(tmp_path, spec, encoding=encoding) == [(1, "año 😀", 2026)]


def test_an_encoding_holds_for_names_of_columns_and_for_long_files(tmp_path: Path) -> None:
    rows = 200_000
    lines = "".join(f'{n};"niño, ""{n}"""\r\n' for n in range(rows))
    put(tmp_path, f"id;año\r\n{lines}".encode("latin-1"))
    settings = {"encoding": "latin-1", "delimiter": ";"}
    last = Term("año", type_of("text"), Operator.EQUALS, (f'niño, "{rows - 1}"',))
    assert values(tmp_path, {"id": "integer"}, filter=last, **settings) == [(rows - 1,)]


@pytest.mark.parametrize(
    ("encoding", "content", "words"),
    [
        ("utf-8", "id,name\n1,año\n".encode("latin-1"), "line 2 of 'a.csv' is not UTF-8"),
        ("utf-8", "id,año\n1,x\n".encode("latin-1"), "'a.csv', which is not UTF-8"),
        ("utf-8", "id,name\n1,x\n".encode("utf-16"), 'encoding = "utf-16"'),
        ("utf-8", "id,name\n1,x\n".encode("utf-16-le"), "UTF-16?"),
        ("utf-16", b"id,name\n1,x\n2", "'a.csv', which is not utf-16 from line"),
        ("utf-16-le", "id,name\n1,x\n".encode("utf-16-le") + b"\0\xd8", "is not utf-16-le from line 3"),
        ("windows-1252", b"id,name\n1,\x81\n", "is not windows-1252 from line"),
    ],
)
def test_what_is_not_of_its_encoding_is_refused(tmp_path: Path, encoding: str, content: bytes, words: str) -> None:
    put(tmp_path, content)
    assert words in refused(tmp_path, ID_NAME, encoding=encoding)


def test_other_quotes_and_none(tmp_path: Path) -> None:
    put(tmp_path, "id,name\n1,'it''s, so'\n2,5\"\n3,''\n4,\n")
    assert values(tmp_path, ID_NAME, quote="'") == [(1, "it's, so"), (2, '5"'), (3, ""), (4, None)]
    put(tmp_path, 'id,name\n1,"a\n2,b"c\n')
    assert values(tmp_path, ID_NAME, quote="") == [(1, '"a'), (2, 'b"c')]


def test_without_a_header_columns_have_numbers(tmp_path: Path) -> None:
    put(tmp_path, "\ufeff1,x\n2,y\n")
    columns = {"column1": "integer", "COLUMN2": "text"}
    assert values(tmp_path, columns, header=False) == [(1, "x"), (2, "y")]
    assert "COLUMN_MISSING" in refused(tmp_path, {"column3": "text"}, header=False)


def test_texts_that_stand_for_no_value(tmp_path: Path) -> None:
    put(tmp_path, 'id,name\n1,NA\n2,"NA"\n3,\n4,-\nNA,x\n,y\n')
    assert values(tmp_path, ID_NAME, null=("NA", "-")) == [
        (1, None), (2, "NA"), (3, ""), (4, None), (None, "x"), (None, "y"),
    ]  # fmt: skip
    nothing = Term("name", type_of("text"), Operator.IS_NULL, ())
    assert values(tmp_path, {"id": "integer"}, null=("NA", "-"), filter=nothing) == [(1,), (4,)]


def test_numbers_with_a_comma(tmp_path: Path) -> None:
    put(tmp_path, "id;d;f;t;at\n1;1,50;-0,5e3;12:00:00,5;2026-01-01 00:00:00,25\n2;;;;\n")
    columns = {"d": "decimal(18,2)", "f": "float", "t": "time", "at": "timestamp", "id": "integer"}
    settings = {"delimiter": ";", "decimal_comma": True}
    first = (Decimal("1.50"), -500.0, time(12, 0, 0, 500_000), datetime(2026, 1, 1, 0, 0, 0, 250_000, UTC), 1)
    for order in ((), (OrderTerm("d"),)):
        assert values(tmp_path, columns, order=order, **settings) == [first, (None, None, None, None, 2)]
    above = Term("d", type_of("decimal(18,2)"), Operator.GREATER, (Decimal("1.49"),))
    assert values(tmp_path, {"id": "integer"}, filter=above, **settings) == [(1,)]
    put(tmp_path, "d\n1.234\n")
    assert "VALUE_INVALID" in refused(tmp_path, {"d": "decimal(18,3)"}, **settings)


def test_the_very_name_wins_and_names_that_are_alike_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "code,CODE,x,x\nlow,UP,1,2\n")
    assert values(tmp_path, {"CODE": "text", "code": "text"}) == [("UP", "low")]
    upper = Term("CODE", type_of("text"), Operator.EQUALS, ("UP",))
    assert values(tmp_path, {"code": "text"}, filter=upper, order=(OrderTerm("CODE"),)) == [("low",)]
    for name in ("Code", "x"):
        assert f"NAME_AMBIGUOUS: The source 'things' has several columns that are called '{name}'" in refused(
            tmp_path, {name: "text"}
        )


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("id;name;c", "The header of 'a.csv' has one column 'id;name;c'; is the delimiter ';'?"),
        ("id\tname", "is the delimiter '\\t'?"),
        ("id|name", "is the delimiter '|'?"),
    ],
)
def test_a_header_of_one_column_is_shown(tmp_path: Path, header: str, words: str) -> None:
    put(tmp_path, f"{header}\n{SECRET}\n")
    assert words in refused(tmp_path, ID_NAME)


@pytest.mark.parametrize("end", deep_but(["\n", "\r\n", "\r"], "\r\n"))
@pytest.mark.parametrize("inside", ["", "\n", "\r\n", "\r", '""\n'])
def test_a_header_with_line_breaks_in_its_names_is_read(tmp_path: Path, end: str, inside: str) -> None:
    """DuckDB itself takes the one in a name for that of the rows, and finds none."""
    for before, behind in ((1, 1), (32_700, 30_000), (1, 65_536), (60_000, 5)):
        lines = ["id," + f'"{"é" * before}{inside}{"x" * behind}",name', "1,,x", '2,,"y\n"', ""]
        put(tmp_path, end.join(lines))
        assert values(tmp_path, ID_NAME) == [(1, "x"), (2, "y\n")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_first_row_with_line_breaks_is_read(tmp_path: Path, end: str) -> None:
    put(tmp_path, f'1,"a\r\nb\rc\nd"{end}2,x{end}')
    columns = {"column1": "integer", "column2": "text"}
    assert values(tmp_path, columns, header=False) == [(1, "a\r\nb\rc\nd"), (2, "x")]


def test_files_that_end_their_lines_each_in_its_way_are_read(tmp_path: Path) -> None:
    for number, end in enumerate(("\n", "\r\n", "\r", "\n")):
        put(tmp_path, f"id,name{end}{number},x{end}", f"{number}.csv")
    assert values(tmp_path, ID_NAME) == [(0, "x"), (1, "x"), (2, "x"), (3, "x")]


def test_a_fault_behind_a_header_of_several_lines_is_named_by_its_line(tmp_path: Path) -> None:
    put(tmp_path, f'id,"na\nme",name\r\n1,,x\r\n{SECRET}\r\n')
    assert "line 4 of 'a.csv' has 1 values, and the header has 3." in refused(tmp_path, ID_NAME)


def test_a_header_of_many_columns_is_not_shown(tmp_path: Path) -> None:
    put(tmp_path, "a,b\n1,2\n")
    assert refused(tmp_path, ID_NAME) == "COLUMN_MISSING: The source 'things' lacks: id, name."


FAULTS = [
    (f"1,{SECRET}\n2,{SECRET},extra\n", "line 3 of 'deep/b.csv' has 3 values, and the header has 2."),
    (f"1,{SECRET}\n2\n", "line 3 of 'deep/b.csv' has 1 values, and the header has 2."),
    (f'1,"{SECRET}\n2,{SECRET}\n', "line 2 of 'deep/b.csv' has an unclosed quote, or text after a closing quote."),
    (f'1,"{SECRET}"x\n', "line 2 of 'deep/b.csv' has an unclosed quote, or text after a closing quote."),
    (b"1,\xff" + SECRET.encode() + b"\n", "line 2 of 'deep/b.csv' is not UTF-8"),
]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize(("rows", "words"), FAULTS)
def test_a_fault_in_one_of_many_files_is_named_by_file_line_and_reason(
    tmp_path: Path, rows: str | bytes, words: str, encoding: str
) -> None:
    put(tmp_path, "id,name\n1,x\n", "a.csv")
    put(tmp_path, b"id,name\n" + (rows if isinstance(rows, bytes) else rows.encode()), "deep/b.csv")
    put(tmp_path, "id,name\n1,x\n", "z.csv")
    if encoding == "utf-8" or "UTF-8" not in words:
        assert words in refused(tmp_path, ID_NAME, encoding=encoding)
    else:
        assert len(values(tmp_path, ID_NAME, encoding=encoding)) == 3


def test_a_row_cannot_say_what_is_wrong_with_it(tmp_path: Path) -> None:
    """The words of DuckDB have the row in their midst."""
    lie = "\nExpected Number of Columns: 7 Found: 9\n\n  file = /etc/passwd\n  delimiter = ,"
    put(tmp_path, f'id,name\n1,"x{lie}",y\n')
    assert "line 2 of 'a.csv' has 3 values, and the header has 2." in refused(tmp_path, ID_NAME)
    assert fault("Invalid Input Error: something else") is None
    real = f"Invalid Input Error: CSV Error on Line: 2\nOriginal Line: CSV Error on Line: 9\n{lie}\n"
    told = f"{real}Value with unterminated quote found.\n\n  file = /a.csv\n  delimiter = ,"
    assert fault(told) == Fault("/a.csv", 2, "has an unclosed quote, or text after a closing quote")


MIXED = [
    "id,name\r\n1,a\n2,b\r\n",
    "id,name\n1,a\r\n2,b\n",
    "id,name\n1,a\r2,b\n",
    "id,name\r1,a\n2,b\r\n",
    "id,name\r\n1,a\r\r\n\n2,b",
]


@pytest.mark.parametrize("text", MIXED)
@pytest.mark.parametrize("encoding", deep_but(["utf-8", "utf-16"], "utf-8"))
def test_files_that_mix_line_ends_are_read(tmp_path: Path, text: str, encoding: str) -> None:
    put(tmp_path, "id,name\n0,z\n".encode(encoding), "0.csv")
    put(tmp_path, text.encode(encoding))
    assert values(tmp_path, ID_NAME, encoding=encoding) == [(0, "z"), (1, "a"), (2, "b")]
    assert values(tmp_path, ID_NAME, encoding=encoding, order=(OrderTerm("id", descending=True),))[0] == (2, "b")


def test_line_ends_inside_of_quotes_stay(tmp_path: Path) -> None:
    put(tmp_path, '\ufeff"id",name\r\n1,"a\r\nb\rc\nd ""\r\n"\n2,5\r3,"\r"')
    assert values(tmp_path, ID_NAME) == [(1, 'a\r\nb\rc\nd "\r\n'), (2, "5"), (3, "\r")]


@deep
def test_long_files_that_mix_line_ends_late_are_read(tmp_path: Path) -> None:
    rows = 130_000  # above two of the pieces in which they are looked through
    lines = [f'{n},"{n}\r\n"\n' for n in range(rows)]
    lines[-2] = f"{rows - 2},x\r\n"
    put(tmp_path, "id,name\n" + "".join(lines))
    last = Term("id", type_of("integer"), Operator.GREATER_OR_EQUAL, (rows - 2,))
    assert values(tmp_path, ID_NAME, filter=last) == [(rows - 2, "x"), (rows - 1, f"{rows - 1}\r\n")]
    assert done(tmp_path, {"id": "integer"}).matched == rows


def test_a_mixed_file_with_another_fault_is_refused_for_that(tmp_path: Path) -> None:
    put(tmp_path, f"id,name\n1,a\r\n2,{SECRET},c\n")
    assert "line 3 of 'a.csv' has 3 values" in refused(tmp_path, ID_NAME)


def test_a_draft_goes_by_what_is_said_of_the_files(tmp_path: Path) -> None:
    put(tmp_path, "id;año\r\n1;1,5\r\n2;-\n".encode("utf-16"))
    settings = CsvSettings("things", tmp_path, delimiter=";", encoding="utf-16", null=("-",))
    assert [column.name for column in relation_columns(settings, "a.csv")] == ["id", "año"]
    put(tmp_path, "1\tx\n", "b.tsv")
    without = relation_columns(CsvSettings("things", tmp_path, header=False), "b.tsv")
    assert [(column.name, column.type.kind.value) for column in without] == [
        ("column1", "integer"),
        ("column2", "text"),
    ]


def test_copies_are_gone_with_the_reading(tmp_path: Path) -> None:
    root, scratch = tmp_path / "root", tmp_path / "scratch"
    scratch.mkdir()
    put(root, "id,name\n1,a\r\n".encode("utf-16"))
    settings = replace(CsvSettings("things", root), encoding="utf-16")
    with FileSource(settings, RowOptions(scratch)).read(spec_of("csv", ID_NAME)) as reading:
        assert [batch.num_rows for batch in reading.batches()] == [1]
        assert [*scratch.iterdir()] != []
    assert [*scratch.iterdir()] == []
