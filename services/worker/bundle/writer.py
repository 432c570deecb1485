"""Writes a table and the attachments of its rows to one ZIP.

Entries, in order: the attachments, `missing-files.csv` if any is missing, the table last. For each batch the
attachments go first, then its rows are encoded, so that the table names only what is there.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

import pyarrow as pa

from services.contract.formats import KINDS, Format
from services.contract.outcome import Entry, ExportWarning
from services.contract.spec import ColumnSpec, ColumnType, JobSpec, Kind
from services.worker.bundle.archive import Archive
from services.worker.bundle.attachments import Attachments, OpenAttachment
from services.worker.bundle.names import MAX_BYTES, cut, safe_part
from services.worker.schema import arrow_schema
from services.worker.writers.table import open_writer

_NESTED = frozenset({Format.JSON, Format.JSONL})


class BundleWriter:
    """A writer whose file is a ZIP. Without attachments in the spec the table is its only entry.

    With attachments the table has one more column, `files`, with the names of each row's entries: an array in JSON and
    JSONL, elsewhere text separated by "; " (which no name contains), null where there is none. Batches carry the hidden
    columns of the spec after those of the table.
    """

    def __init__(self, file: BinaryIO, spec: JobSpec, spool_dir: Path, open_attachment: OpenAttachment) -> None:
        self._spec = spec
        self._files = files_column(spec) if spec.attachments else None
        self._columns = spec.columns if self._files is None else (*spec.columns, self._files)
        # These have no name in the directory: they vanish with the process, however it ends.
        self._table_file = cast("BinaryIO", TemporaryFile(dir=spool_dir))  # noqa: SIM115 - closed by close()
        self._missing_file = cast("BinaryIO", TemporaryFile(dir=spool_dir))  # noqa: SIM115 - closed by close()
        self._archive = Archive(file, datetime.now(UTC))
        self._attachments = Attachments(spec, self._archive, open_attachment, self._missing_file)
        table = spec.table
        self._table = open_writer(
            table.format, self._table_file, self._columns, spec.table_name, table.time_zone, spool_dir
        )

    def write(self, batch: pa.RecordBatch) -> None:
        """Add the attachments of the rows, then the rows."""
        columns = batch.columns[: len(self._spec.columns)]
        if self._files is not None:
            columns = [*columns, files_array(self._attachments.add(batch), self._files)]
        self._table.write(pa.RecordBatch.from_arrays(columns, schema=arrow_schema(self._columns)))

    def close(self) -> None:
        """Append what was missing and the table, and finish the ZIP; its file stays open."""
        self._table.close()
        if self._attachments.missing_count:
            self._append("missing-files.csv", self._missing_file)
        self._append(table_entry(self._spec), self._table_file)
        self._archive.close()
        self._missing_file.close()
        self._table_file.close()

    @property
    def rows_written(self) -> int:
        """Rows of the table encoded so far."""
        return self._table.rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """Those of the table, and how many attachments were missing."""
        count = self._attachments.missing_count
        text = "attachments that were not there: listed in missing-files.csv"
        missing = [ExportWarning("ATTACHMENT_MISSING", text, count)] if count else []
        return [*self._table.warnings, *missing]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The first 100 entries, with their sizes before compression; final after `close`."""
        return self._archive.entries

    @property
    def entry_count(self) -> int:
        """All entries; final after `close`."""
        return self._archive.entry_count

    def _append(self, name: str, content: BinaryIO) -> None:
        content.seek(0)
        self._archive.add(name, content)


def table_entry(spec: JobSpec) -> str:
    """Name of the table's entry, such as `invoices.xlsx`."""
    extension = KINDS[spec.table.format].extension
    return f"{cut(safe_part(spec.table_name), MAX_BYTES - len(extension) - 1)}.{extension}"


def files_column(spec: JobSpec) -> ColumnSpec:
    """The column that names entries: `files`, or the first of `files_2`, `files_3`… that no other column is called."""
    taken = {name for c in spec.columns for name in (c.field, c.header)}
    candidates = ("files" if n == 1 else f"files_{n}" for n in range(1, len(taken) + 2))
    name = next(c for c in candidates if c not in taken)
    return ColumnSpec(name, name, name, ColumnType(Kind.JSON if spec.table.format in _NESTED else Kind.TEXT))


def files_array(names: list[list[str]], column: ColumnSpec) -> pa.LargeStringArray:
    """Names of entries, one list a row, as values of `column`."""
    if column.type.kind is Kind.JSON:
        return pa.array([json.dumps(n, ensure_ascii=False) for n in names], pa.large_string())
    return pa.array(["; ".join(n) or None for n in names], pa.large_string())
