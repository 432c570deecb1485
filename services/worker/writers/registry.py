"""Opens the writer of each format."""

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
"""Formats whose writers change what they have written. The others only append."""


def open_writer(
    table: TableOptions,
    file: BinaryIO,
    columns: tuple[ColumnSpec, ...],
    table_name: str,
    *,
    long_text: LongText | None = None,
    threads: int = THREADS,
) -> Writer:
    """Open a writer of one table to `file`, which stays open and is not compressed here.

    `table_name` names the sheets of a workbook. `long_text` returns the cell's text for each text that does not fit
    into a cell; without it, such a text is refused. Raises CannotWrite.
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
