"""Which writer writes which format."""

from typing import BinaryIO

from services.contract.formats import Format
from services.contract.spec import ColumnSpec, TableOptions
from services.worker.concurrency.threads import THREADS
from services.worker.ports import Writer
from services.worker.writers.csv import CsvWriter
from services.worker.writers.json import JsonLinesWriter, JsonWriter
from services.worker.writers.parquet import ParquetWriter
from services.worker.writers.xlsx import XlsxWriter
from services.worker.writers.xlsx.long_text import LongText

SEEKING = frozenset({Format.XLSX})
"""Formats whose writers go back in their file; the others only append."""


def open_writer(
    table: TableOptions,
    file: BinaryIO,
    columns: tuple[ColumnSpec, ...],
    table_name: str,
    *,
    long_text: LongText | None = None,
    threads: int = THREADS,
) -> Writer:
    """A writer of one table to `file`, which stays the caller's and is not compressed here.

    `table_name` names the sheets of a workbook. `long_text` is asked what stands in a cell for each text that none
    holds; without it such text is refused. Raises CannotWrite.
    """
    match table.format:
        case Format.CSV:
            return CsvWriter(file, columns, table.time_zone, table.csv, threads=threads)
        case Format.JSON:
            return JsonWriter(file, columns, table.time_zone, threads=threads)
        case Format.JSONL:
            return JsonLinesWriter(file, columns, table.time_zone, threads=threads)
        case Format.XLSX:
            return XlsxWriter(
                file, columns, table_name, table.time_zone, table.xlsx, long_text=long_text, threads=threads
            )
        case Format.PARQUET:
            return ParquetWriter(file, columns)
