"""Writes a table and the attachments of its rows, into one ZIP or into two files.

Entries of a ZIP, in order: the attachments, `missing-files.csv` if any are missing, `long-text.csv` if there are any,
the table, `manifest.json`. The attachments of each batch are written before its rows are encoded, so that the table
names only existing entries.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import pyarrow as pa

from services.contract.formats import KINDS, Format, LongText
from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec, ColumnType, JobSpec, Kind
from services.worker.bundle.archive import Archive
from services.worker.bundle.attachments import MISSING, Attachments
from services.worker.bundle.long_text import LONG_TEXT, LongTexts
from services.worker.bundle.names import MAX_NAME_BYTES, cut, safe_part
from services.worker.concurrency.threads import THREADS
from services.worker.ports import AttachmentFiles, Frame, Lines, Rows
from services.worker.schema import arrow_schema
from services.worker.writers.registry import open_writer

if TYPE_CHECKING:
    from services.worker.writers.lines import LineWriter

_NESTED = frozenset({Format.JSON, Format.JSONL})


@dataclass(frozen=True, slots=True)
class Targets:
    """The destinations: the table goes into an archive or a file of its own.

    `attachments` go into an archive, which may be the same one; None when the spec has no attachments.
    """

    table: BinaryIO | Archive
    attachments: Archive | None

    @property
    def archives(self) -> tuple[Archive, ...]:
        """All archives, each once; empty when there are none."""
        archives = (t for t in (self.attachments, self.table) if isinstance(t, Archive))
        return tuple(dict.fromkeys(archives))


class BundleWriter:
    """Writes a table and the attachments of its rows.

    `close` ends the table, `finish` the archives; `release` frees everything. With attachments, the table has an
    additional column `files` with the names of each row's entries: an array in JSON and JSONL, otherwise text separated
    by "; " (which no name contains); null where there are none. Batches have the spec's hidden columns after those of
    the table. If the spec asks for it and the table goes into an archive, texts that are too long for a cell are stored
    beside the table.
    """

    def __init__(
        self,
        spec: JobSpec,
        targets: Targets,
        attachments: AttachmentFiles,
        spool_dir: Path,
        threads: int = THREADS,
    ) -> None:
        self._spec = spec
        self._targets = targets
        self._files = files_column(spec) if targets.attachments else None
        self._columns = spec.columns if self._files is None else (*spec.columns, self._files)
        self._aside = ExitStack()
        self._long_texts = LongTexts(self._temporary(spool_dir)) if self._takes_long_text() else None
        self._attachments = targets.attachments and Attachments(
            spec, targets.attachments, attachments, self._temporary(spool_dir)
        )
        in_archive = isinstance(targets.table, Archive)
        self._table_file = self._temporary(spool_dir) if in_archive else cast("BinaryIO", targets.table)
        take = self._long_texts.take if self._long_texts else None
        self._table = open_writer(
            spec.table, self._table_file, self._columns, spec.table_name, long_text=take, threads=threads
        )

    def write(self, rows: Rows) -> None:
        """Add the attachments of the rows, then the rows.

        Lines and frames are accepted only for a text table without attachments.
        """
        match rows:
            case Lines():
                cast("LineWriter", self._table).append(rows)
            case Frame():
                cast("LineWriter", self._table).write_frame(rows)
            case batch:
                self._write(batch)

    def _write(self, batch: pa.RecordBatch) -> None:
        columns = batch.columns[: len(self._spec.columns)]
        if self._attachments and self._files:
            columns = [*columns, files_array(self._attachments.add(batch), self._files)]
        self._table.write(pa.RecordBatch.from_arrays(columns, schema=arrow_schema(self._columns)))

    def close(self) -> None:
        """Finish the table. `rows_written` and `warnings` are final afterwards."""
        self._table.close()

    def finish(self, about: Mapping[str, Any]) -> None:
        """Append the temporary files and the manifests, which begin with `about`, to the archives."""
        if self._targets.attachments and self._attachments and self._attachments.missing_count:
            self._targets.attachments.add(MISSING, self._attachments.missing_file)
        if isinstance(self._targets.table, Archive):
            if self._long_texts and self._long_texts.count:
                self._targets.table.add(LONG_TEXT, self._long_texts.file)
            self._targets.table.add(table_entry(self._spec), self._table_file)
        for archive in self.archives:
            archive.finish(about)

    @property
    def archives(self) -> tuple[Archive, ...]:
        """See Targets. Only these need `finish`."""
        return self._targets.archives

    def release(self) -> None:
        """Delete the temporary files, whether the work is done or not. Idempotent."""
        if self._attachments:
            self._attachments.close()
        self._aside.close()

    @property
    def rows_written(self) -> int:
        """Number of rows of the table encoded so far."""
        return self._table.rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """Warnings of the table, of missing attachments and of long texts."""
        beside = [part.warnings for part in (self._long_texts, self._attachments) if part]
        return [*self._table.warnings, *chain.from_iterable(beside)]

    def _takes_long_text(self) -> bool:
        return isinstance(self._targets.table, Archive) and bundles_long_text(self._spec)

    def _temporary(self, spool_dir: Path) -> BinaryIO:
        """Return an unnamed file. It vanishes with the process, however that ends."""
        return cast("BinaryIO", self._aside.enter_context(TemporaryFile(dir=spool_dir)))


def bundles_long_text(spec: JobSpec) -> bool:
    """Whether texts that do not fit into a cell are stored beside the table."""
    return spec.table.format is Format.XLSX and spec.table.xlsx.long_text is LongText.BUNDLE


def table_entry(spec: JobSpec) -> str:
    """Return the name of the table's entry, such as `invoices.xlsx`."""
    extension = KINDS[spec.table.format].extension
    return f"{cut(safe_part(spec.table_name), MAX_NAME_BYTES - len(extension) - 1)}.{extension}"


def files_column(spec: JobSpec) -> ColumnSpec:
    """Return the column with names of entries: `files`, or the first of `files_2`, `files_3`… that is not in use."""
    taken = {name for c in spec.columns for name in (c.field, c.header)}
    candidates = ("files" if n == 1 else f"files_{n}" for n in range(1, len(taken) + 2))
    name = next(c for c in candidates if c not in taken)
    return ColumnSpec(name, name, name, ColumnType(Kind.JSON if spec.table.format in _NESTED else Kind.TEXT))


def files_array(names: list[list[str]], column: ColumnSpec) -> pa.LargeStringArray:
    """Convert names of entries, one list for each row, to values of `column`."""
    if column.type.kind is Kind.JSON:
        return pa.array([json.dumps(n, ensure_ascii=False) for n in names], pa.large_string())
    return pa.array(["; ".join(n) or None for n in names], pa.large_string())
