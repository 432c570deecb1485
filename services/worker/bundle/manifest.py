"""`manifest.json`, the last entry of a ZIP: what was asked for, its outcome, and how to check each entry.

One object in UTF-8, its keys in this order:

- `exportd_version`, `export_id`: text.
- `write_time`: when the attempt began to write, ISO 8601 in UTC.
- `request`: what was asked for, as understood. `collection`, `query` (the filter; empty for all rows), `columns` (each
  with `field`, `header`, `type`), `format`, `time_zone`, `options` (those of CSV and XLSX by their names, else
  empty), `file_types` (of the attachments), `packaging`.
- `rows_matched`, `rows_written`: numbers, equal. `matched_by`: COUNT or END_OF_STREAM.
- `consistency`: SNAPSHOT, KEYSET or PAGED. `as_of`: when the snapshot was taken, ISO 8601 in UTC, or null.
- `warnings`: each with `code`, `message`, `count`.
- `entry_count`: of `entries`.
- `entries`: each other entry of this ZIP, in order, with `name`, `size_bytes` and `sha256` (64 hexadecimal digits),
  both of its content, before compression and encryption.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from services.contract.formats import Format
from services.contract.outcome import RunStats
from services.contract.spec import JobSpec, TableOptions

MANIFEST = "manifest.json"


class Manifest:
    """Collects entries in a file in `spool_dir`, because there may be hundreds of thousands."""

    def __init__(self, spool_dir: Path) -> None:
        self._spool_dir = spool_dir
        self._entries = _aside(spool_dir)
        self._count = 0

    def note(self, name: str, size: int, sha256: str) -> None:
        """Add an entry."""
        line = json.dumps({"name": name, "size_bytes": size, "sha256": sha256}, ensure_ascii=False)
        self._entries.write((",\n    " if self._count else "\n    ").encode() + line.encode())
        self._count += 1

    @contextmanager
    def closed(self, about: Mapping[str, Any]) -> Iterator[BinaryIO]:
        """Finish the manifest and yield it as a file that exists within the context.

        It begins with `about`. No entry can be added afterwards.
        """
        head = json.dumps({**about, "entry_count": self._count}, ensure_ascii=False, indent=2)
        with self._entries, _aside(self._spool_dir) as whole:
            whole.write(head.removesuffix("\n}").encode() + b',\n  "entries": [')
            self._entries.seek(0)
            shutil.copyfileobj(self._entries, whole)
            whole.write(b"\n  ]\n}\n")
            whole.seek(0)
            yield whole


def about(export_id: str, spec: JobSpec, stats: RunStats, write_time: datetime) -> dict[str, Any]:
    """Return the keys of a manifest before its entries."""
    return {
        "exportd_version": _version(),
        "export_id": export_id,
        "write_time": _moment(write_time),
        "request": _request(spec),
        "rows_matched": stats.rows_matched,
        "rows_written": stats.rows_written,
        "matched_by": stats.matched_by.value,
        "consistency": stats.consistency.value,
        "as_of": _moment(stats.as_of) if stats.as_of else None,
        "warnings": [asdict(warning) for warning in stats.warnings],
    }


def _request(spec: JobSpec) -> dict[str, Any]:
    return {
        "collection": spec.collection,
        "query": spec.query,
        "columns": [{"field": c.field, "header": c.header, "type": str(c.type)} for c in spec.columns],
        "format": spec.table.format.value,
        "time_zone": spec.table.time_zone,
        "options": _options(spec.table),
        "file_types": [a.file_type for a in spec.attachments],
        "packaging": spec.packaging.value,
    }


def _options(table: TableOptions) -> dict[str, Any]:
    match table.format:
        case Format.CSV:
            return _named(asdict(table.csv))
        case Format.XLSX:
            return _named(asdict(table.xlsx))
        case _:
            return {}


def _named(options: dict[str, Any]) -> dict[str, Any]:
    return {name: v.name if isinstance(v, Enum) else v for name, v in options.items()}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@cache
def _version() -> str:
    return version("exportd")


def _aside(spool_dir: Path) -> BinaryIO:
    """Return an unnamed file. It vanishes with the process, however that ends."""
    return cast("BinaryIO", TemporaryFile(dir=spool_dir))
