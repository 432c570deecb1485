"""What is kept, by the name of its file in `expected/`: for each rule of XLSX one file or two, and the table of values
in every format.
"""

import io
from collections.abc import Callable

from services.contract.formats import Format, XlsxLayout
from services.worker.writers.values import CannotWrite
from services.worker.writers.xlsx import XlsxWriter
from tests.golden import shown
from tests.golden.tables import TEXTS, VALUE_ROWS, VALUES, Row, appended_file_of, batch_of, file_of, text_column

_SHEET = "xl/worksheets/sheet1.xml"
_TWO = (text_column("short"), text_column("a longer header"))
_TWO_ROWS: list[Row] = [{"short": "x", "a longer header": None}, {"short": None, "a longer header": "y" * 30}]
_TEXT = (text_column("text"),)


def _full_sheets() -> bytes:
    file = io.BytesIO()
    writer = XlsxWriter(file, _TEXT, "invoices", "UTC", max_sheet_rows=3)
    writer.write(batch_of(_TEXT, [{"text": f"n{n}"} for n in range(5)]))
    writer.close()
    return file.getvalue()


def _two(layout: XlsxLayout | None = None) -> bytes:
    return file_of(Format.XLSX, _TWO, _TWO_ROWS, layout=layout or XlsxLayout())


def _texts() -> bytes:
    return file_of(Format.XLSX, _TEXT, [{"text": text} for text in TEXTS])


def _values(table_format: Format, time_zone: str = "UTC") -> bytes:
    return file_of(table_format, VALUES, VALUE_ROWS, time_zone=time_zone)


def _refused() -> str:
    try:
        file_of(Format.XLSX, _TEXT, [{"text": "x" * 32_767}, {"text": "x" * 32_768}])
    except CannotWrite as refused:
        return f"{refused.code}\n{refused.message}\n"
    return "written\n"


def _package(content: bytes) -> str:
    relations = ("_rels/.rels", "xl/_rels/workbook.xml.rels")
    return shown.part(content, "[Content_Types].xml", *relations)


CASES: dict[str, Callable[[], str | bytes]] = {
    "1-full-sheets.txt": lambda: shown.rows_of(_full_sheets(), *(f"xl/worksheets/sheet{n}.xml" for n in (1, 2, 3))),
    "1-full-sheets-book.txt": lambda: shown.part(_full_sheets(), "xl/workbook.xml"),
    "2-parts.txt": lambda: _package(_two()),
    "3-frame.txt": lambda: shown.part(_two(), _SHEET, "xl/workbook.xml"),
    "3-frame-bare.txt": lambda: shown.part(
        _two(XlsxLayout(freeze_header=False, autofilter=False)), _SHEET, "xl/workbook.xml"
    ),
    "4-references.txt": lambda: shown.rows_of(_two(), _SHEET),
    "4-compact.txt": lambda: shown.rows_of(_two(XlsxLayout(compact=True)), _SHEET),
    "5-text.txt": lambda: shown.rows_of(_texts(), _SHEET),
    "5-long-text.txt": _refused,
    "6-styles.txt": lambda: shown.part(_values(Format.XLSX), "xl/styles.xml"),
    "7-zip.txt": lambda: shown.entries(_two()),
    "7-zip-appended.txt": lambda: shown.entries(appended_file_of(Format.XLSX, _TWO, _TWO_ROWS)),
    "values.xlsx.txt": lambda: shown.cells(_values(Format.XLSX)),
    "values-mexico.xlsx.txt": lambda: shown.cells(_values(Format.XLSX, "America/Mexico_City")),
    "values.csv": lambda: _values(Format.CSV),
    "values-mexico.csv": lambda: _values(Format.CSV, "America/Mexico_City"),
    "values.json": lambda: _values(Format.JSON),
    "values.jsonl": lambda: _values(Format.JSONL),
    "values.parquet.txt": lambda: shown.table(_values(Format.PARQUET)),
}
