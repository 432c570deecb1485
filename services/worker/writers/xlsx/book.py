"""The file of a workbook. It takes segments in order, and opens and closes their sheets."""

from datetime import UTC, datetime
from typing import BinaryIO

from services.contract.codes import FailureCode, WarningCode
from services.worker.writers.values import CannotWrite, Losses
from services.worker.writers.xlsx.package import (
    SHARED_TEXTS,
    SheetEntry,
    closing_parts,
    root_relations,
    shared_texts,
    sheet_part,
)
from services.worker.writers.xlsx.segment import Segment
from services.worker.writers.xlsx.sheet import SheetFrame
from services.worker.writers.xlsx.sheet_names import sheet_names
from services.worker.writers.xlsx.styles import Styles, theme
from services.worker.writers.xlsx.widths import header_width
from services.worker.zip.appender import ZipAppender
from services.worker.zip.content import last_piece, piece
from services.worker.zip.entry import EntryTooLarge, OpenEntry


class Book:
    """A workbook of one table in `file`, which must be seekable and empty, and stays open.

    `losses` are those of all segments so far, `rows_written` counts their rows. `written_at` None means now.
    """

    def __init__(
        self, file: BinaryIO, frame: SheetFrame, table_name: str, written_at: datetime | None, styles: Styles
    ) -> None:
        self.rows_written = 0
        self.losses = Losses()
        self._frame = frame
        self._names = sheet_names(table_name)
        self._widths = [header_width(header) for header in frame.headers]
        self._sheets: list[SheetEntry] = []
        self._rows = 0  # of the open sheet, including the header
        self._written_at = written_at or datetime.now(UTC)
        self._zip = ZipAppender(file, self._written_at)
        self._put("_rels/.rels", root_relations())
        self._put("xl/theme/theme1.xml", theme())
        self._styles = styles
        self._milliseconds: frozenset[int] = frozenset()
        self._open = 0
        self._sheet: OpenEntry | None = None

    def bytes_of(self, sheet: int) -> int:
        """Return the size of a sheet's XML so far in bytes; 0 for a sheet that has not been opened."""
        return self._sheet.size if self._sheet and sheet == self._open else 0

    def add(self, segment: Segment) -> None:
        """Append a segment."""
        self._widths = [max(pair) for pair in zip(self._widths, segment.widths or self._widths, strict=True)]
        while self._open < segment.place.sheet:
            self._open_sheet()
        try:
            self._entry.append(segment.piece)
        except EntryTooLarge:
            raise CannotWrite(
                FailureCode.ROWS_TOO_LARGE, "a few thousand rows are larger than a sheet of Excel"
            ) from None
        self._milliseconds |= segment.milliseconds
        self._rows += segment.rows
        self.rows_written += segment.rows
        for warning in segment.warnings:
            self.losses.add(WarningCode[warning.code], warning.count)

    def close(self, shared: list[str], shared_cells: int) -> None:
        """Finish the workbook.

        Without rows it has one sheet with only the header. `shared_cells` is the number of cells that refer to the
        `shared` texts.
        """
        if not self._open:
            self._open_sheet()
        self._close_sheet()
        if shared:
            self._put(SHARED_TEXTS, shared_texts(shared, shared_cells))
        self._put("xl/styles.xml", self._styles.part(self._milliseconds))
        for name, content in closing_parts(self._sheets, self._written_at, shared=bool(shared)):
            self._put(name, content)
        self._zip.close()

    @property
    def _entry(self) -> OpenEntry:
        if self._sheet is None:
            raise ValueError("no sheet is open")
        return self._sheet

    def _put(self, name: str, content: bytes) -> None:
        self._zip.put(name, last_piece(content))

    def _open_sheet(self) -> None:
        if self._sheet:
            self._close_sheet()
        self._open += 1
        self._sheet = self._zip.open(sheet_part(self._open))
        self._sheet.append(piece(self._frame.opening(self._widths, first=self._open == 1)))
        self._rows = 1

    def _close_sheet(self) -> None:
        self._entry.append(last_piece(self._frame.closing(self._rows)))
        self._entry.close()
        self._sheets.append(SheetEntry(next(self._names), self._frame.filtered(self._rows)))
