"""The attachments of a batch of rows.

They are opened by the rows' values, and put into the archive or listed as missing.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from services.contract.codes import WarningCode
from services.contract.outcome import ExportWarning
from services.contract.spec import AttachmentSpec, ColumnSpec, ColumnType, JobSpec, Kind
from services.worker.bundle.archive import Archive
from services.worker.bundle.content import Content, discard, taken
from services.worker.bundle.names import attachment_name, folder_names
from services.worker.concurrency.ordered_map import ordered_map
from services.worker.ports import AttachmentFiles, Row
from services.worker.schema import arrow_schema, hidden_columns, hidden_name
from services.worker.writers.csv import CsvWriter

MISSING = "missing-files.csv"

_TEXT = ColumnType(Kind.TEXT)
_MISSING_COLUMNS = tuple(ColumnSpec(name, name, name, _TEXT) for name in ("file_type", "path", "key"))
_FEWEST_RESULTS = 16
"""Attachments that are being read or wait to be written.

Small ones wait compressed; of large ones the first MiB waits.
"""


@dataclass(frozen=True, slots=True)
class _Request:
    """An attachment of the row at `position` in its batch. `path` is None when a placeholder has no value."""

    position: int
    spec: AttachmentSpec
    path: str | None
    folder: str
    key: tuple[str | None, ...]
    row: Row

    @property
    def name(self) -> str:
        """Name of the entry."""
        return attachment_name(self.folder, self.key, self.path or "")

    def as_missing(self) -> Row:
        return {"file_type": self.spec.file_type, "path": self.path, "key": "; ".join(part or "" for part in self.key)}


class Attachments:
    """Puts the attachments of rows into `archive`.

    Missing attachments are listed as CSV in `missing_file`, with an empty path if a placeholder has no value. The parts
    of a key are separated by "; ".
    """

    def __init__(self, spec: JobSpec, archive: Archive, files: AttachmentFiles, missing_file: BinaryIO) -> None:
        self._spec = spec
        self._archive = archive
        self._files = files
        self._folders = folder_names(tuple(a.file_type for a in spec.attachments))
        self.missing_file = missing_file
        self._missing = CsvWriter(missing_file, _MISSING_COLUMNS, "UTC")
        self._max_results = max(_FEWEST_RESULTS, 2 * files.concurrency)
        self._threads = ThreadPoolExecutor(files.concurrency, "attachments")

    @property
    def missing_count(self) -> int:
        """Number of missing attachments."""
        return self._missing.rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """A warning if attachments are missing."""
        text = f"missing attachments; they are listed in {MISSING}"
        return [ExportWarning(WarningCode.ATTACHMENT_MISSING, text, self.missing_count)] if self.missing_count else []

    def add(self, batch: pa.RecordBatch) -> list[list[str]]:
        """Append the attachments of every row. Return the names of each row's entries, in the order of the spec."""
        missing: list[Row] = []
        names: list[list[str]] = [[] for _ in range(batch.num_rows)]
        with closing(
            ordered_map(self._threads, self._content, self._requests(batch), self._max_results, discard)
        ) as contents:
            for request, content in contents:
                if content is None:
                    missing.append(request.as_missing())
                else:
                    self._archive.append(request.name, content)
                    names[request.position].append(request.name)
        self._missing.write(pa.RecordBatch.from_pylist(missing, schema=arrow_schema(_MISSING_COLUMNS)))
        return names

    def close(self) -> None:
        """End the threads. Idempotent."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _requests(self, batch: pa.RecordBatch) -> Iterator[_Request]:
        for position, row in enumerate(self._rows(batch)):
            key = tuple(row[name] for name in self._spec.key)
            for spec, folder in zip(self._spec.attachments, self._folders, strict=True):
                yield _Request(position, spec, filled(spec.path, row), folder, key, row)

    def _rows(self, batch: pa.RecordBatch) -> Iterator[Row]:
        names = hidden_columns(self._spec)
        columns = [batch.column(hidden_name(name)).to_pylist() for name in names]
        return (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))

    def _content(self, request: _Request) -> Content | None:
        stream = None if request.path is None else self._files.open(request.spec, request.path, request.row)
        return None if stream is None else taken(request.name, stream)


def filled(path: str, row: Row) -> str | None:
    """Fill the values of a row into the placeholders of a path. None when one of them has no value."""
    names = re.findall(r"\{([^{}]*)\}", path)
    if any(row[name] is None for name in names):
        return None
    return re.sub(r"\{([^{}]*)\}", lambda placeholder: row[placeholder[1]] or "", path)
