"""Where rows come from: one kind, one class, one table of them."""

from collections.abc import Mapping
from pathlib import Path

from services.contract.spec import SourceRef
from services.worker.ports import Source
from services.worker.sources import errors
from services.worker.sources.files import FileSource
from services.worker.sources.guarded import GuardedSource
from services.worker.sources.http.source import HttpSource
from services.worker.sources.settings import SourceSettings, named
from services.worker.sources.sql import SqlSource

_FILES = ("parquet", "csv")


def open_source(settings: Mapping[str, SourceSettings], ref: SourceRef, temp_dir: Path | None = None) -> Source:
    """The source of a collection's rows, guarded: within the spec's limits, and masked.

    `temp_dir` is where big sorts of files go, and is left empty; None is the system's own. Raises SourceFailed
    (SOURCE_UNKNOWN).
    """
    found = named(settings, ref)
    return GuardedSource(_unguarded(found, temp_dir), found.mask_key)


def _unguarded(found: SourceSettings, temp_dir: Path | None) -> Source:
    if found.kind == "sql":
        return SqlSource(found)
    if found.kind in _FILES:
        return FileSource(found, temp_dir)
    if found.http:
        return HttpSource(found.id, found.http)
    raise errors.unknown(found.id, found.kind)
