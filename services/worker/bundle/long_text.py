"""Text that no cell of a sheet holds goes whole into a file beside the table."""

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
    """Writes texts to `file` as CSV: number of the row (the first below the header is 1), header of the column, text.

    `file` stays the caller's.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._csv = CsvWriter(file, _COLUMNS, "UTC")

    def take(self, row: int, header: str, text: str) -> str:
        """Keep a text; returns what its cell says instead."""
        self._csv.write(pa.RecordBatch.from_pylist([{"row": row, "column": header, "text": text}], schema=_SCHEMA))
        return f"[{len(text):,} characters: {LONG_TEXT}, row {row}]"

    @property
    def count(self) -> int:
        """Texts so far."""
        return self._csv.rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """That there are any."""
        text = f"texts longer than a cell; they are written to {LONG_TEXT}"
        return [ExportWarning(WarningCode.LONG_TEXT_BUNDLED, text, self.count)] if self.count else []
