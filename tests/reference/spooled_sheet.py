"""openpyxl's write-only sheet with its temporary file in a directory of ours.

openpyxl spools the XML of each sheet to a file in the system's temporary directory and leaves it there when the process
is killed. It offers no setting for the place, and `tempfile.tempdir` would move everybody's files; so the two classes
that deal with the file are extended here, against openpyxl 3.1.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.worksheet._write_only import WriteOnlyWorksheet
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.worksheet.dimensions import ColumnDimension, DimensionHolder
from openpyxl.worksheet.filters import AutoFilter

_ROWS_A_LOOK = 1000


class SpooledSheet(WriteOnlyWorksheet):
    """A sheet of `book` whose XML waits in a file in `spool_dir` until the book is saved.

    Rows are lists of cells whose column, type and style are set already; their row is set here.
    """

    column_dimensions: DimensionHolder[str, ColumnDimension]
    auto_filter: AutoFilter
    _rows: Any
    _writer: Any

    def __init__(self, book: Workbook, title: str, spool_dir: Path) -> None:
        super().__init__(book, title)
        self.rows = 0
        self._spool_dir = spool_dir
        self._size_bytes = 0
        self._spool_path: str | None = None
        book._add_sheet(self)  # type: ignore[attr-defined] # not in the stubs

    @property
    def size_bytes(self) -> int:
        """Bytes of XML in the file, as of at most a thousand rows ago."""
        if self._spool_path is not None and self.rows % _ROWS_A_LOOK == 0:
            self._size_bytes = Path(self._spool_path).stat().st_size
        return self._size_bytes

    def append(self, row: list[Cell]) -> None:
        """Add one row; what is not in `row` is an empty cell."""
        super().append(row)
        self.rows += 1

    def abandon(self) -> None:
        """Let go of a sheet whose book will not be saved. Left to the garbage collector, the two generators could end
        in the wrong order, of which lxml complains.
        """
        if self._rows is not None and not self.closed:
            self._rows.close()
            self._writer.close()
        if self._spool_path is not None:
            Path(self._spool_path).unlink(missing_ok=True)

    def _get_writer(self) -> None:
        if self._writer is None:
            handle, self._spool_path = mkstemp(suffix=".xml", prefix="sheet-", dir=self._spool_dir)
            os.close(handle)
            self._writer = _SpoolWriter(self, self._spool_path)
            self._writer.write_top()

    def _values_to_row(self, values: list[Cell], row_idx: int) -> Iterator[Cell]:
        for cell in values:
            cell.row = row_idx
            yield cell


class _SpoolWriter(WorksheetWriter):
    """Differs in the file being ours: openpyxl keeps a list of its own ones."""

    out: Any

    def cleanup(self) -> None:
        """Remove the file once it is in the workbook."""
        Path(self.out).unlink()
