"""Full sheets, empty sheets, wide sheets, and what stands around the rows."""

import io
from datetime import UTC, datetime, time, timedelta

import fastexcel
import openpyxl
import pytest
from lxml import etree

from services.contract.formats import XlsxLayout
from services.contract.spec import Kind
from services.worker.writers.values import CannotWrite
from services.worker.writers.xlsx import segment, writer
from tests.linters.workbook_linter import workbook_faults
from tests.tiers import deep
from tests.unit.fast_xlsx.fast_books import by_calamine, by_openpyxl, column, fast, part, sheet_xml, slow, texts
from tests.unit.writers.writer_tables import counts, text_columns

TEXT = text_columns("a")
NOW = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)


@pytest.mark.parametrize("rows", [0, 1, 8, 9, 10, 18, 19])
def test_a_full_sheet_is_followed_by_another(rows):
    content, writer = fast(TEXT, texts(*(f"n{n}" for n in range(rows))), max_sheet_rows=10)
    sheets = by_calamine(content)
    assert list(sheets) == ["invoices", "invoices (2)", "invoices (3)"][: max(1, -(-rows // 9))]
    assert all(sheet[0] == ["a"] and len(sheet) <= 10 for sheet in sheets.values())
    assert [row[0] for sheet in sheets.values() for row in sheet[1:]] == [f"n{n}" for n in range(rows)]
    assert writer.rows_written == rows
    assert list(by_openpyxl(content)) == list(sheets)


def test_a_sheet_with_too_many_bytes_is_full_too_a_few_segments_later():
    batches = [texts(*["x" * 100] * 100)] * 20
    content, _ = fast(TEXT, *batches, max_sheet_bytes=50_000, written_at=NOW)
    sizes = [len(rows) - 1 for rows in by_calamine(content).values()]
    assert sum(sizes) == 2000
    assert len(sizes) > 1
    assert all(size <= 1000 for size in sizes)
    assert fast(TEXT, *batches, max_sheet_bytes=50_000, written_at=NOW)[0] == content  # threads' speed does not matter


def test_the_segments_of_a_batch_have_nearly_as_many_rows_each(monkeypatch):
    seen = []

    def noted(table, rows, *rest):
        seen.append(rows.num_rows)
        return segment.encode(table, rows, *rest)

    monkeypatch.setattr(writer, "encode", noted)
    fast((column(Kind.INTEGER),), [{"x": n} for n in range(33_000)])
    assert sorted(seen) == [11_000] * 3


def test_rows_and_cells_have_ascending_references():
    content, _ = fast(text_columns("a", "b"), [{"a": "x", "b": "y"}, {"a": None, "b": "z"}])
    rows = etree.fromstring(sheet_xml(content).encode()).iter("{*}row")
    assert [(r.get("r"), [c.get("r") for c in r]) for r in rows] == [
        ("1", ["A1", "B1"]),
        ("2", ["A2", "B2"]),
        ("3", ["B3"]),
    ]


def test_compact_leaves_references_out_and_keeps_places():
    content, _ = fast(text_columns("a", "b"), [{"a": None, "b": "z"}], layout=XlsxLayout(compact=True))
    xml = sheet_xml(content)
    assert " r=" not in xml
    assert '<row><c/><c s="1" t="inlineStr"><is><t>z</t></is></c></row>' in xml
    assert by_calamine(content)["invoices"] == [["a", "b"], ["", "z"]]


@pytest.mark.parametrize("layout", [XlsxLayout(), XlsxLayout(compact=True)])
def test_wide_tables_keep_every_column_in_its_place(layout):
    columns = text_columns(*(f"f{n}" for n in range(800)))
    row = {f"f{n}": f"v{n}" for n in range(800) if n % 7}
    content, _ = fast(columns, [row] * 2, layout=layout)
    header, first, second = by_calamine(content)["invoices"]
    assert header == [c.header for c in columns]
    assert first == second == [row.get(h, "") for h in header]
    if not layout.compact:
        assert '<c r="ADT3" ' in sheet_xml(content)  # the 800th letter


@deep
def test_a_table_as_wide_as_a_sheet_is_written_and_a_wider_one_refused():
    columns = text_columns(*(f"f{n}" for n in range(16_384)))
    content, _ = fast(columns, [{"f16383": "last"}])
    assert by_calamine(content)["invoices"][1][-1] == "last"
    assert '<c r="XFD2" ' in sheet_xml(content)
    with pytest.raises(CannotWrite, match="TOO_MANY_COLUMNS"):
        fast((*columns, *text_columns("more")))


def test_fastexcel_reads_it():
    content, _ = fast((*TEXT, column(Kind.INTEGER)), [{"a": "x", "x": 1}, {"a": "y", "x": None}])
    assert fastexcel.read_excel(content).load_sheet(0).to_polars().rows() == [("x", 1.0), ("y", None)]


def test_headers_are_bold_frozen_filtered_and_name_the_zone():
    content, _ = fast(
        (column(Kind.TIMESTAMP), *text_columns("=<b> ")), [{"=<b> ": "x"}], zone="Europe/Madrid", name="it's"
    )
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert [c.value for c in sheet[1]] == ["X (Europe/Madrid)", "=<b> "]
    assert all(c.font.bold for c in sheet[1])
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:B2"
    assert "hidden=\"1\">'it''s'!$A$1:$B$2</definedName>" in part(content, "xl/workbook.xml")


def test_freezing_and_filtering_can_be_left_out():
    content, _ = fast(TEXT, texts("x"), layout=XlsxLayout(freeze_header=False, autofilter=False))
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet.freeze_panes is None
    assert not sheet.auto_filter.ref
    assert "definedName" not in part(content, "xl/workbook.xml")


def test_columns_are_as_wide_as_with_the_reference(tmp_path):
    columns = (*text_columns("short", "long", "endless"), column(Kind.TIMESTAMP), column(Kind.INTEGER, field="n"))
    rows = [{"short": "x", "long": "&" * 30, "endless": "x" * 500, "n": 123_456_789}]
    widths = [
        [d.width for _, d in sorted(openpyxl.load_workbook(io.BytesIO(content)).active.column_dimensions.items())]
        for content in (fast(columns, rows)[0], slow(columns, tmp_path, rows)[0])
    ]
    assert widths[0] == widths[1]


def test_text_stays_text_when_it_is_edited():
    long = column(Kind.INTEGER, field="n")
    columns = (*TEXT, column(Kind.JSON, field="j"), column(Kind.BINARY, field="b"), long)
    content, _ = fast(columns, [{"a": value, "j": "1", "b": b"x", "n": 10**15} for value in ("00099", "1E5", "2-3")])
    shared, _ = fast(TEXT, texts("00099", "1E5") * 20, share_from_rows=1)
    for cells in (*by_openpyxl(content)["invoices"][1:], *by_openpyxl(shared)["invoices"][1:]):
        assert {number_format for _, _, number_format, _ in cells} == {"@"}


MIDNIGHT = datetime(2026, 8, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "whole", "fine", "shown"),
    [
        (Kind.TIMESTAMP, MIDNIGHT, MIDNIGHT + timedelta(milliseconds=1), "yyyy-mm-dd hh:mm:ss"),
        (Kind.TIME, time(1, 2, 3), time(1, 2, 3, 4000), "hh:mm:ss"),
        (Kind.DURATION, timedelta(hours=30), timedelta(milliseconds=1500), "[h]:mm:ss"),
    ],
)
def test_milliseconds_are_shown_in_the_columns_that_have_some(kind, whole, fine, shown):
    columns = (column(kind, field="whole"), column(kind, field="fine"))
    content, _ = fast(columns, [{"whole": whole, "fine": whole}], [{"whole": None, "fine": fine}])
    rows = by_openpyxl(content)["invoices"][1:]
    assert [[cell[2] for cell in row] for row in rows] == [[shown, f"{shown}.000"], ["General", f"{shown}.000"]]
    assert workbook_faults(io.BytesIO(content)) == []


def test_a_microsecond_is_cut_and_makes_no_milliseconds():
    content, writer = fast((column(Kind.TIMESTAMP),), [{"x": MIDNIGHT + timedelta(microseconds=999)}])
    assert by_openpyxl(content)["invoices"][1][0][2] == "yyyy-mm-dd hh:mm:ss"
    assert counts(writer) == {"FRACTION_CUT": 1}


def test_white_space_at_the_ends_is_kept_by_xml():
    values = [" a", "a ", "\ta", "a\n", "a\r", " ", "a b"]
    content, _ = fast(TEXT, texts(*values))
    assert sheet_xml(content).count('<t xml:space="preserve">') == len(values)
    assert [row[0] for row in by_calamine(content)["invoices"][1:]] == values
    assert "xml:space" not in sheet_xml(fast(TEXT, texts("a b", "", None, "cd"))[0])
