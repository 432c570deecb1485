import gc
import io
import re
import tracemalloc
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given, settings
from python_calamine import CalamineWorkbook

from services.contract.formats import Format
from services.contract.spec import ColumnSpec, ColumnType, Kind
from services.worker.writers.values import CannotWrite
from services.worker.writers.xlsx.sheet_names import sheet_names
from tests.budget import examples
from tests.reference.openpyxl_writer import OpenpyxlWriter
from tests.unit.writers.plain_model import PARSERS
from tests.unit.writers.writer_tables import COLUMNS, ROWS, batch_of, counts, text_columns, written

ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
TEXT = text_columns("a")


def unescaped(text: str) -> str:
    """As Excel reads the text of a cell."""
    return ESCAPE.sub(lambda m: chr(int(m[1], 16)), text)


def column(kind: Kind, precision: int = 0, scale: int = 0) -> ColumnSpec:
    return ColumnSpec("x", "x", "X", ColumnType(kind, precision, scale))


def sheet_xml(content: bytes, number: int = 1) -> str:
    return zipfile.ZipFile(io.BytesIO(content)).read(f"xl/worksheets/sheet{number}.xml").decode()


def cells_of(content: bytes) -> list[list[object]]:
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    return [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]


def calamine(content: bytes) -> dict[str, list[list[object]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def one(kind: ColumnSpec, *values: object, spool_dir) -> tuple[list[object], dict[str, int]]:
    content, writer = written(Format.XLSX, (kind,), [{"x": v} for v in values], spool_dir=spool_dir)
    return [row[0] for row in cells_of(content)], counts(writer)


def expected_of(kind: Kind, value: object, zone: str) -> object:
    """What a reader should find in the cell; text stays as `str`."""
    if isinstance(value, str):
        return re.sub("[\ufffe\uffff]", "\ufffd", value)
    if isinstance(value, float):
        return value if value - value == 0 else None
    if kind in (Kind.INTEGER, Kind.DECIMAL) and value is not None:
        digits = f"{abs(value):f}"
        digits = digits.rstrip("0").replace(".", "") if "." in digits else digits
        return float(value) if len(digits.lstrip("0")) <= 15 else value
    if kind is Kind.TIME and value is not None:
        return value.replace(microsecond=value.microsecond // 1000 * 1000)
    if kind is Kind.DATE and value is not None:
        return datetime(value.year, value.month, value.day) if value >= date(1900, 1, 1) else value  # noqa: DTZ001
    if kind is Kind.TIMESTAMP and value is not None:
        local = value.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        known = local.year >= 1900
        return local.replace(microsecond=local.microsecond // 1000 * 1000) if known else value
    if kind is Kind.DURATION and value is not None:
        known = timedelta(0) <= value < timedelta(days=2_958_466)
        return value // timedelta(milliseconds=1) * timedelta(milliseconds=1) if known else value
    return value


def found_of(kind: Kind, value: object) -> object:
    """What was found in a cell, with text of other kinds read as the values it stands for."""
    if isinstance(value, str) and kind not in (Kind.TEXT, Kind.JSON):
        return PARSERS[kind](value)
    return float(value) if kind in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT) and value is not None else value


def agree(found: object, expected: object) -> bool:
    if isinstance(found, timedelta) and isinstance(expected, timedelta) and expected > timedelta(days=10_000):
        return abs(found - expected) <= timedelta(seconds=1)  # openpyxl loses a second of a long duration in reading
    return found == expected


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
@settings(deadline=None, max_examples=examples(40))
@given(rows=ROWS)
def test_every_value_reads_back_with_openpyxl(zone, rows, tmp_path_factory):
    content, writer = written(
        Format.XLSX, COLUMNS, rows[:2], rows[2:], time_zone=zone, spool_dir=tmp_path_factory.getbasetemp()
    )
    assert sheet_xml(content).count("<row ") - 1 == len(rows) == writer.rows_written
    found = cells_of(content)
    found += [[None] * len(COLUMNS)] * (len(rows) - len(found))  # openpyxl sees no rows without cells at the end
    for cells, row in zip(found, rows, strict=True):
        for spec, cell in zip(COLUMNS, cells, strict=True):
            value = unescaped(cell) if isinstance(cell, str) else cell
            expected = expected_of(spec.type.kind, row[spec.field], zone)
            assert agree(found_of(spec.type.kind, value), expected), (spec, cell, expected)


@pytest.mark.slow
@settings(deadline=None, max_examples=examples(40))
@given(rows=ROWS)
def test_calamine_reads_the_same_texts_numbers_and_booleans(rows, tmp_path_factory):
    columns = tuple(c for c in COLUMNS if c.type.kind in (Kind.TEXT, Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN))
    content, _ = written(Format.XLSX, columns, rows, spool_dir=tmp_path_factory.getbasetemp())
    found = calamine(content)["invoices"][1:]
    for cells, row in zip(found, rows, strict=False):  # it leaves empty rows at the end away
        for spec, cell in zip(columns, cells, strict=True):
            expected = expected_of(spec.type.kind, row[spec.field], "UTC")
            if cell == "":
                assert expected in (None, "")
            else:
                assert found_of(spec.type.kind, cell) == expected, (spec, cell, expected)


def test_no_text_is_a_formula_an_error_or_a_link(tmp_path):
    texts = ["=1+1", "#N/A", "https://example.com", "+1", "@x", "00123", "TRUE"]
    content, _ = written(Format.XLSX, TEXT, [{"a": t} for t in texts], spool_dir=tmp_path)
    xml = sheet_xml(content)
    assert xml.count('t="inlineStr"') == len(texts) + 1
    assert "<f>" not in xml
    assert "hyperlink" not in xml
    assert 't="e"' not in xml
    assert [row[0] for row in calamine(content)["invoices"][1:]] == texts


def test_null_is_no_cell_and_empty_text_is_a_text(tmp_path):
    content, _ = written(Format.XLSX, text_columns("a", "b"), [{"a": None, "b": ""}], spool_dir=tmp_path)
    assert re.search(
        '<row r="2"><c r="B2" s="[0-9]+" t="inlineStr"><is><r><t></t></r></is></c></row>', sheet_xml(content)
    )
    assert cells_of(content) == [[None, ""]]


def test_numbers_of_more_than_15_digits_are_text(tmp_path):
    found, lost = one(column(Kind.INTEGER), 10**15 - 1, 10**15, -(10**15), None, 2**53 + 1, spool_dir=tmp_path)
    assert found == [10**15 - 1, "1000000000000000", "-1000000000000000", None, "9007199254740993"]
    assert lost == {"LONG_NUMBER_AS_TEXT": 3}


def test_decimals_are_numbers_while_their_digits_are_exact(tmp_path):
    values = [Decimal("1234567890123.45"), Decimal("12345678901234.56"), Decimal("-0.10")]
    content, writer = written(
        Format.XLSX, (column(Kind.DECIMAL, 20, 2),), [{"x": v} for v in values], spool_dir=tmp_path
    )
    assert [r[0] for r in cells_of(content)] == [1234567890123.45, "12345678901234.56", -0.1]
    assert "<v>1234567890123.45</v>" in sheet_xml(content)
    assert counts(writer) == {"LONG_NUMBER_AS_TEXT": 1}
    assert openpyxl.load_workbook(io.BytesIO(content)).active["A2"].number_format == "0.00"


def test_floats_keep_every_bit(tmp_path):
    content, _ = written(Format.XLSX, (column(Kind.FLOAT),), [{"x": 0.1 + 0.2}], spool_dir=tmp_path)
    assert "<v>0.30000000000000004</v>" in sheet_xml(content)


def test_dates_that_excel_does_not_know_are_text(tmp_path):
    days = [date(1899, 12, 31), date(1900, 1, 1), date(1900, 2, 28), date(1900, 3, 1), date(9999, 12, 31)]
    content, writer = written(Format.XLSX, (column(Kind.DATE),), [{"x": d} for d in days], spool_dir=tmp_path)
    assert re.findall("<v>(.*?)</v>", sheet_xml(content)) == ["1", "59", "61", "2958465"]
    assert cells_of(content)[0] == ["1899-12-31"]
    assert counts(writer) == {"DATE_AS_TEXT": 1}


def test_the_last_microsecond_of_a_day_stays_in_it(tmp_path):
    last = datetime(2026, 1, 1, 23, 59, 59, 999_999, UTC)
    found, lost = one(column(Kind.TIMESTAMP), last, spool_dir=tmp_path)
    assert found == [datetime(2026, 1, 1, 23, 59, 59, 999_000)]  # noqa: DTZ001
    assert lost == {"FRACTION_CUT": 1}
    assert one(column(Kind.TIME), time(23, 59, 59), spool_dir=tmp_path) == ([time(23, 59, 59)], {})


def test_durations_that_excel_cannot_show_are_text(tmp_path):
    found, lost = one(column(Kind.DURATION), timedelta(hours=30), -timedelta(hours=1), spool_dir=tmp_path)
    assert found == [timedelta(hours=30), "-PT1H"]
    assert lost == {"DURATION_AS_TEXT": 1}


def test_headers_are_bold_frozen_filtered_and_name_the_zone(tmp_path):
    columns = (column(Kind.TIMESTAMP), *text_columns("=b"))
    content, _ = written(Format.XLSX, columns, [{"=b": "x"}], time_zone="Europe/Madrid", spool_dir=tmp_path)
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert [c.value for c in sheet[1]] == ["X (Europe/Madrid)", "=b"]
    assert sheet["B1"].font.bold
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:B2"
    workbook = zipfile.ZipFile(io.BytesIO(content)).read("xl/workbook.xml").decode()
    assert "_xlnm._FilterDatabase" in workbook


def test_columns_are_as_wide_as_the_first_batch_asks(tmp_path):
    columns = text_columns("short", "long", "endless")
    rows = [{"short": "x", "long": "x" * 30, "endless": "x" * 500}]
    content, _ = written(Format.XLSX, columns, rows, spool_dir=tmp_path)
    widths = openpyxl.load_workbook(io.BytesIO(content)).active.column_dimensions
    assert [widths[c].width for c in "ABC"] == [9, 32, 60]


@pytest.mark.parametrize("rows", [0, 8, 9, 10, 18, 19])
def test_a_full_sheet_is_followed_by_another(tmp_path, rows):
    file = io.BytesIO()
    writer = OpenpyxlWriter(file, TEXT, "invoices", "UTC", tmp_path, max_sheet_rows=10)
    writer.write(batch_of(TEXT, [{"a": f"n{n}"} for n in range(rows)]))
    writer.close()
    sheets = calamine(file.getvalue())
    assert list(sheets) == ["invoices", "invoices (2)", "invoices (3)"][: max(1, -(-rows // 9))]
    assert all(sheet[0] == ["a"] and len(sheet) <= 10 for sheet in sheets.values())
    assert [row[0] for sheet in sheets.values() for row in sheet[1:]] == [f"n{n}" for n in range(rows)]
    assert writer.rows_written == rows
    assert openpyxl.load_workbook(file).sheetnames == list(sheets)


def test_a_sheet_with_too_many_bytes_is_full_too(tmp_path):
    file = io.BytesIO()
    writer = OpenpyxlWriter(file, TEXT, "invoices", "UTC", tmp_path, max_sheet_bytes=100_000)
    writer.write(batch_of(TEXT, [{"a": "x" * 100}] * 5000))
    writer.close()
    assert [len(rows) for rows in calamine(file.getvalue()).values()] == [1000, 1000, 1000, 1000, 1000, 6]


def test_spooled_sheets_lie_in_the_spool_directory_until_the_end(tmp_path):
    file = io.BytesIO()
    writer = OpenpyxlWriter(file, TEXT, "invoices", "UTC", tmp_path, max_sheet_rows=3)
    writer.write(batch_of(TEXT, [{"a": "x"}] * 5))
    assert len(list(tmp_path.iterdir())) == 3
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_writer_dropped_halfway_leaves_nothing_behind(tmp_path):
    writer = OpenpyxlWriter(io.BytesIO(), TEXT, "invoices", "UTC", tmp_path, max_sheet_rows=3)
    writer.write(batch_of(TEXT, [{"a": "x"}] * 5))
    with pytest.raises(CannotWrite):
        writer.write(batch_of(TEXT, [{"a": "x" * 40_000}]))
    del writer
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_text_that_fits_no_cell_is_refused_by_row_and_column(tmp_path):
    fits = "😀" * 16_383 + "x"
    assert one(column(Kind.TEXT), fits, spool_dir=tmp_path)[0] == [fits]
    with pytest.raises(CannotWrite, match="row 2, column X") as refused:
        one(column(Kind.TEXT), fits, fits + "x", spool_dir=tmp_path)
    assert refused.value.code == "TEXT_TOO_LONG"


def test_escapes_are_undone_by_readers_that_know_them(tmp_path):
    texts = ["_x0041_x0042_x0043_", "_x0041\x01", "\x01x0041_", "__x0041__", "a\rb", "\x00_x005F_"]
    content, _ = written(Format.XLSX, TEXT, [{"a": t} for t in texts], spool_dir=tmp_path)
    assert [row[0] for row in calamine(content)["invoices"][1:]] == texts


def test_characters_that_xml_forbids_are_replaced_and_counted(tmp_path):
    assert one(column(Kind.TEXT), "a\ufffeb", "\uffff", spool_dir=tmp_path) == (
        ["a\ufffdb", "\ufffd"],
        {"CHARACTER_REPLACED": 2},
    )


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("invoices", ["invoices", "invoices (2)"]),
        ("a/b:c[d]", ["a_b_c_d_", "a_b_c_d_ (2)"]),
        ("'x'", ["x", "x (2)"]),
        ("", ["Sheet", "Sheet (2)"]),
        ("HISTORY", ["HISTORY_", "HISTORY_ (2)"]),
        ("y" * 40, ["y" * 31, "y" * 27 + " (2)"]),
        ("😀" * 20, ["😀" * 15, "😀" * 13 + " (2)"]),
        ("y" * 27 + " (2)", ["y" * 27 + " (2)", "y" * 27 + " (3)"]),
    ],
)
def test_sheet_names_are_what_excel_accepts(table, names):
    endless = sheet_names(table)
    assert [next(endless), next(endless)] == names


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path):
    def peak_of(batches: int) -> int:
        batch = batch_of(TEXT, [{"a": "x" * 50}] * 500)
        with (tmp_path / "x.xlsx").open("wb") as file:
            writer = OpenpyxlWriter(file, TEXT, "invoices", "UTC", tmp_path)
            tracemalloc.start()
            for _ in range(batches):
                writer.write(batch)
            writer.close()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return peak

    assert peak_of(10) < peak_of(1) + 100_000
