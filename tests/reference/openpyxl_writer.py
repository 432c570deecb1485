"""XLSX through openpyxl, a row at a time: slow, and what faster ways are compared with.

openpyxl's own judgement of values is bypassed: cells get their text and type from `cells`, so that nothing is taken for
a formula, an error or a link, and no digit is lost.
"""

from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pyarrow as pa
from openpyxl import Workbook
from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.cell.rich_text import CellRichText
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from services.contract.codes import FailureCode
from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec, Kind
from services.worker.writers.lines import cells_of, slices
from services.worker.writers.values import CannotWrite, Cells, Losses, zoned_header
from services.worker.writers.xlsx.cells import (
    MOMENTS,
    TEXT_FORMAT,
    SheetCells,
    has_milliseconds,
    number_format,
    sheet_cells,
    sheet_text,
)
from services.worker.writers.xlsx.limits import MAX_SHEET_BYTES, MAX_SHEET_COLUMNS, MAX_SHEET_ROWS
from services.worker.writers.xlsx.sheet_names import sheet_names
from tests.reference.spooled_sheet import SpooledSheet

_WIDTHS = (8, 60)  # characters
_EMPTY_TEXT = CellRichText([""])  # openpyxl writes an empty str as a cell without any content


class OpenpyxlWriter:
    """A workbook whose sheets all hold the same columns; a full sheet is followed by another with the header repeated.

    A sheet is full at `max_sheet_rows` rows (header included) or soon after `max_sheet_bytes` of XML. The XML of the
    sheets waits in `spool_dir` until `close`.
    """

    def __init__(
        self,
        file: BinaryIO,
        columns: tuple[ColumnSpec, ...],
        table_name: str,
        time_zone: str,
        spool_dir: Path,
        *,
        max_sheet_rows: int = MAX_SHEET_ROWS,
        max_sheet_bytes: int = MAX_SHEET_BYTES,
    ) -> None:
        self._sheets: list[SpooledSheet] = []
        if len(columns) > MAX_SHEET_COLUMNS:
            raise CannotWrite(
                FailureCode.TOO_MANY_COLUMNS, f"a sheet of Excel holds {MAX_SHEET_COLUMNS:,} columns; choose fewer"
            )
        self._file = file
        self._columns = columns
        self._time_zone = time_zone
        self._spool_dir = spool_dir
        self._max_rows = max_sheet_rows
        self._max_bytes = max_sheet_bytes
        self._losses = Losses()
        self._book = Workbook(write_only=True)
        self._book.properties.creator = "exportd"
        self._names = sheet_names(table_name)
        self._headers = [_header(spec, time_zone) for spec in columns]
        self._widths = [_width(h) for h in self._headers]
        self._sheet: SpooledSheet | None = None
        self._templates: list[tuple[Cell, Cell]] = []
        self._rows_written = 0
        self._milliseconds: set[int] = set()

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, in order."""
        for part in slices(batch):
            cells = cells_of(part, self._columns, self._rows_written + 1)
            done = [sheet_cells(c, self._time_zone, self._losses) for c in cells]
            self._milliseconds |= {n for n, c in enumerate(cells) if has_milliseconds(c)}
            if self._sheet is None:
                self._widen(done)
            self._append(done)

    def close(self) -> None:
        """Finish the file, which stays open, and remove what was spooled."""
        self._end_sheet(self._sheet or self._new_sheet())
        self._settle_formats()
        self._book.save(self._file)

    def __del__(self) -> None:
        """A writer that was dropped before `close` leaves nothing behind."""
        for sheet in self._sheets:
            sheet.abandon()

    @property
    def rows_written(self) -> int:
        """Rows appended to sheets so far, headers not counted."""
        return self._rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """Values written differently, each kind with its count."""
        return self._losses.warnings()

    def _settle_formats(self) -> None:
        """Put the formats of moments, which depend on all rows, in place of those that stood for them."""
        formats = self._book._number_formats
        for n, spec in enumerate(self._columns):
            if spec.type.kind in MOMENTS:
                shown = number_format(spec, milliseconds=n in self._milliseconds)
                formats[formats.index(_stand_in(n))] = shown

    def _append(self, columns: list[SheetCells]) -> None:
        rows = zip(*(c.values.to_list() for c in columns), strict=True)
        as_texts = zip(*(c.as_text.to_list() for c in columns), strict=True)
        for row, as_text in zip(rows, as_texts, strict=True):
            sheet = self._sheet_with_room()
            cells = zip(self._templates, row, as_text, strict=True)
            sheet.append([_holding(pair[text], value) for pair, value, text in cells if value is not None])
            self._rows_written += 1

    def _sheet_with_room(self) -> SpooledSheet:
        sheet = self._sheet
        if sheet is not None and (sheet.rows >= self._max_rows or sheet.size_bytes >= self._max_bytes):
            self._end_sheet(sheet)
            sheet = None
        if sheet is None:
            sheet = self._new_sheet()
        return sheet

    def _new_sheet(self) -> SpooledSheet:
        sheet = SpooledSheet(self._book, next(self._names), self._spool_dir)
        sheet.freeze_panes = "A2"
        for i, width in enumerate(self._widths, 1):
            sheet.column_dimensions[get_column_letter(i)].width = width
        sheet.append([_bold(sheet, header, i) for i, header in enumerate(self._headers, 1)])
        self._templates = [_templates(sheet, spec, i) for i, spec in enumerate(self._columns, 1)]
        self._sheets.append(sheet)
        self._sheet = sheet
        return sheet

    def _end_sheet(self, sheet: SpooledSheet) -> None:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(self._columns))}{sheet.rows}"
        sheet.close()

    def _widen(self, columns: list[SheetCells]) -> None:
        """Make each column as wide as its widest value; numbers that are dates need the width of their format."""
        for i, (spec, column) in enumerate(zip(self._columns, columns, strict=True)):
            shown = number_format(spec, milliseconds=True) if spec.type.kind in _SHOWN_AS_FORMAT else ""
            longest = column.values.str.len_chars().max() if not shown else len(shown)
            self._widths[i] = max(self._widths[i], _clamped(longest or 0))


_SHOWN_AS_FORMAT = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.DURATION})


def _header(spec: ColumnSpec, time_zone: str) -> str:
    text = pl.Series([zoned_header(spec, time_zone)], dtype=pl.String)
    escaped: str = sheet_text(Cells(spec, text, 0), Losses())[0]
    return escaped


def _width(text: str) -> int:
    return _clamped(len(text) + 2)  # room for the button of the filter


def _clamped(characters: Any) -> int:
    low, high = _WIDTHS
    return max(low, min(high, int(characters) + 2))


def _bold(sheet: SpooledSheet, text: str, column: int) -> Cell:
    cell = _cell(sheet, column, "s")
    cell.font = Font(bold=True)
    return _holding(cell, text)


def _templates(sheet: SpooledSheet, spec: ColumnSpec, column: int) -> tuple[Cell, Cell]:
    """The cells that serve all rows of a column: one for its own type, one for text."""
    own = _cell(sheet, column, "b" if spec.type.kind is Kind.BOOLEAN else "n")
    own.number_format = _stand_in(column - 1) if spec.type.kind in MOMENTS else number_format(spec)
    text = _cell(sheet, column, "s")
    text.number_format = TEXT_FORMAT
    return own, text


def _stand_in(column: int) -> str:
    """A number format that no other column has, until the one of this column is known."""
    return f"0;0;{column}"


def _cell(sheet: SpooledSheet, column: int, data_type: str) -> Cell:
    cell = WriteOnlyCell(sheet)
    cell.column = column
    cell.data_type = data_type
    return cell


def _holding(cell: Cell, value: str) -> Cell:
    # The public setter would guess a type from the value.
    cell._value = value or _EMPTY_TEXT  # type: ignore[attr-defined]
    return cell
