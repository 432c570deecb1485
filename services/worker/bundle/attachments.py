"""The attachments of a batch of rows: found by the rows' values, put into the archive, or noted as missing."""

import re
from collections.abc import Callable
from typing import BinaryIO

import pyarrow as pa

from services.contract.spec import AttachmentSpec, ColumnSpec, ColumnType, JobSpec, Kind
from services.worker.bundle.archive import Archive
from services.worker.bundle.names import attachment_name, folder_names
from services.worker.schema import arrow_schema, hidden_columns, hidden_name
from services.worker.writers.csv import CsvWriter

OpenAttachment = Callable[[AttachmentSpec, str], BinaryIO | None]
"""Opens the attachment at a path below the root of its source; None when there is none. The path holds values of rows
as they are, `..` included: the opener must not leave the root.
"""

Row = dict[str, str | None]

_TEXT = ColumnType(Kind.TEXT)
_MISSING_COLUMNS = tuple(ColumnSpec(name, name, name, _TEXT) for name in ("file_type", "path", "key"))


class Attachments:
    """Puts the attachments of rows into `archive`; those that are not there are listed as CSV in `missing_file`, with
    an empty path where a placeholder has no value, and the parts of a key separated by "; ".
    """

    def __init__(
        self, spec: JobSpec, archive: Archive, open_attachment: OpenAttachment, missing_file: BinaryIO
    ) -> None:
        self._spec = spec
        self._archive = archive
        self._open = open_attachment
        self._folders = folder_names(tuple(a.file_type for a in spec.attachments))
        self._missing = CsvWriter(missing_file, _MISSING_COLUMNS, "UTC")

    @property
    def missing_count(self) -> int:
        """Attachments that were not there."""
        return self._missing.rows_written

    def add(self, batch: pa.RecordBatch) -> list[list[str]]:
        """Append the attachments of every row. Returns the names of each row's entries, in the order of the spec."""
        missing: list[Row] = []
        names = [self._add_row(row, missing) for row in self._rows(batch)]
        self._missing.write(pa.RecordBatch.from_pylist(missing, schema=arrow_schema(_MISSING_COLUMNS)))
        return names

    def _rows(self, batch: pa.RecordBatch) -> list[Row]:
        wanted = hidden_columns(self._spec)
        columns = [batch.column(hidden_name(name)).to_pylist() for name in wanted]
        return [dict(zip(wanted, values, strict=True)) for values in zip(*columns, strict=True)]

    def _add_row(self, row: Row, missing: list[Row]) -> list[str]:
        key = tuple(row[name] for name in self._spec.key)
        names = []
        for attachment, folder in zip(self._spec.attachments, self._folders, strict=True):
            path = filled(attachment.path, row)
            content = None if path is None else self._open(attachment, path)
            if path is None or content is None:
                shown = "; ".join(part or "" for part in key)
                missing.append({"file_type": attachment.file_type, "path": path, "key": shown})
                continue
            name = attachment_name(folder, key, path)
            with content:
                self._archive.add(name, content)
            names.append(name)
        return names


def filled(path: str, row: Row) -> str | None:
    """A path with the values of a row in its placeholders; None when one of them has no value."""
    wanted = re.findall(r"\{([^}]*)\}", path)
    if any(row[name] is None for name in wanted):
        return None
    return re.sub(r"\{([^}]*)\}", lambda placeholder: row[placeholder[1]] or "", path)
