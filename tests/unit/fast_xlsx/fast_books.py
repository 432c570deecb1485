"""Workbooks by the fast writer and by the slow one, and what foreign readers find in them."""

import io
import zipfile
from pathlib import Path

import openpyxl
from python_calamine import CalamineWorkbook

from services.contract.formats import XlsxLayout
from services.contract.spec import ColumnSpec, ColumnType, Kind
from services.worker.writers.xlsx import XlsxWriter
from tests.reference.openpyxl_writer import OpenpyxlWriter
from tests.unit.writers.writer_tables import Row, batch_of

Cell = tuple[object, str, str, bool]


def column(kind: Kind, precision: int = 0, scale: int = 0, field: str = "x", header: str = "X") -> ColumnSpec:
    return ColumnSpec(field, field, header, ColumnType(kind, precision, scale))


def texts(*values: str | None) -> list[Row]:
    return [{"a": value} for value in values]


def fast(columns: tuple[ColumnSpec, ...], *batches: list[Row], zone: str = "UTC", name: str = "invoices", **options):
    """The bytes of a workbook, and its writer after `close`."""
    file = io.BytesIO()
    options["layout"] = options.get("layout", XlsxLayout())
    writer = XlsxWriter(file, columns, name, zone, **options)
    for rows in batches:
        writer.write(batch_of(columns, rows))
    writer.close()
    return file.getvalue(), writer


def slow(columns: tuple[ColumnSpec, ...], spool_dir: Path, *batches: list[Row], zone: str = "UTC"):
    file = io.BytesIO()
    writer = OpenpyxlWriter(file, columns, "invoices", zone, spool_dir)
    for rows in batches:
        writer.write(batch_of(columns, rows))
    writer.close()
    return file.getvalue(), writer


def by_openpyxl(content: bytes) -> dict[str, list[list[Cell]]]:
    """Each sheet's cells: value, type, number format, bold; rows without cells at the end are left away."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    return {s.title: [[_cell(cell) for cell in row] for row in s.iter_rows()] for s in book.worksheets}


def by_calamine(content: bytes) -> dict[str, list[list[object]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def part(content: bytes, name: str) -> str:
    return zipfile.ZipFile(io.BytesIO(content)).read(name).decode()


def sheet_xml(content: bytes, number: int = 1) -> str:
    return part(content, f"xl/worksheets/sheet{number}.xml")


def _cell(cell) -> Cell:
    # An empty cell has no type worth comparing.
    return cell.value, "" if cell.value is None else cell.data_type, cell.number_format, bool(cell.font.bold)
