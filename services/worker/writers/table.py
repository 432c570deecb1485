"""Which writer writes which format."""

from pathlib import Path
from typing import BinaryIO

from services.contract.formats import Format
from services.contract.spec import ColumnSpec
from services.worker.ports import Writer
from services.worker.writers.csv import CsvWriter
from services.worker.writers.json import JsonLinesWriter, JsonWriter
from services.worker.writers.values import CannotWrite
from services.worker.writers.xlsx import XlsxWriter


def open_writer(  # noqa: PLR0917 - each writer needs most of them
    table_format: Format,
    file: BinaryIO,
    columns: tuple[ColumnSpec, ...],
    table_name: str,
    time_zone: str,
    spool_dir: Path,
) -> Writer:
    """A writer of one table to `file`, which stays the caller's.

    `table_name` names the sheets of a workbook. `time_zone` is an IANA name. `spool_dir` takes what must be kept aside
    while writing; leftovers of a writer that was never closed are in there and nowhere else. Raises CannotWrite for a
    format that has no writer.
    """
    match table_format:
        case Format.CSV:
            return CsvWriter(file, columns, time_zone)
        case Format.JSON:
            return JsonWriter(file, columns, time_zone)
        case Format.JSONL:
            return JsonLinesWriter(file, columns, time_zone)
        case Format.XLSX:
            return XlsxWriter(file, columns, table_name, time_zone, spool_dir)
        case Format.PARQUET:
            raise CannotWrite("FORMAT_NOT_WRITTEN", "no writer for PARQUET in this version; choose another format")
