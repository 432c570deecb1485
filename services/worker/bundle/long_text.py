"""Texts that do not fit into a cell are stored in a file beside the table."""

from typing import BinaryIO

import pyarrow as pa

from services.contract.codes import WarningCode
from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec, ColumnType, Kind
from services.worker.schema import arrow_schema
from services.worker.writers.csv import CsvWriter

LONG_TEXT = "long-text.csv"

_COLUMNS = (
    ColumnSpec("row", "row", "row", ColumnType(Kind.INTEGER)),
    ColumnSpec("column", "column", "column", ColumnType(Kind.TEXT)),
    ColumnSpec("text", "text", "text", ColumnType(Kind.TEXT)),
)
_SCHEMA = arrow_schema(_COLUMNS)


class LongTexts:
    """Writes texts to `file` as CSV, with the row's number and the column's header.

    The first row below the header has the number 1. The file stays open.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._csv = CsvWriter(file, _COLUMNS, "UTC")

    def take(self, row: int, header: str, text: str) -> str:
        """Store a text. Return the text for its cell."""
        self._csv.write(pa.RecordBatch.from_pylist([{"row": row, "column": header, "text": text}], schema=_SCHEMA))
        return f"[{len(text):,} characters: {LONG_TEXT}, row {row}]"

    @property
    def count(self) -> int:
        """Number of texts so far."""
        return self._csv.rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """A warning if there are any texts."""
        text = f"texts longer than a cell; they are written to {LONG_TEXT}"
        return [ExportWarning(WarningCode.LONG_TEXT_BUNDLED, text, self.count)] if self.count else []
