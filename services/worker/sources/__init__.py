"""Where rows come from: one kind, one class, one table of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from services.contract.spec import JobSpec, SourceRef
from services.worker.ports import LinesReading, Source
from services.worker.sources import errors
from services.worker.sources.files.source import FileSource
from services.worker.sources.http.source import HttpSource
from services.worker.sources.limits import GuardedSource, check_rows
from services.worker.sources.settings import SourceSettings, named
from services.worker.sources.sql.address import is_postgresql
from services.worker.sources.sql.postgres import copy as postgres_copy
from services.worker.sources.sql.postgres.lines import may_be_lines
from services.worker.sources.sql.source import SqlSource

_FILES = ("parquet", "csv")


def open_source(
    settings: Mapping[str, SourceSettings], ref: SourceRef, temp_dir: Path | None = None, *, careful: bool = False
) -> Source:
    """The source of a collection's rows, guarded: within the spec's limits, and masked.

    `temp_dir` is where big sorts of files go, and is left empty; None is the system's own. `careful`: the same rows,
    in no way that could end the process. Raises SourceFailed (SOURCE_UNKNOWN).
    """
    found = named(settings, ref)
    return GuardedSource(_unguarded(found, temp_dir, careful=careful), found.mask_key)


@contextmanager
def open_lines(settings: Mapping[str, SourceSettings], spec: JobSpec) -> Iterator[LinesReading | None]:
    """A reading of the spec by a source that itself writes the file's lines, within the spec's limits; None: it can't,
    or it would not write the very same bytes. Raises SourceFailed.
    """
    found = named(settings, spec.source)
    if found.kind != "sql" or not is_postgresql(found.url) or not may_be_lines(spec):
        yield None
        return
    with postgres_copy.opened(found, spec) as reading:
        if reading:
            check_rows(reading.rows_total, spec.limits.max_rows, exact=True)
        yield reading


def _unguarded(found: SourceSettings, temp_dir: Path | None, *, careful: bool) -> Source:
    if found.kind == "sql":
        return SqlSource(found)
    if found.kind in _FILES:
        return FileSource(found, temp_dir, careful=careful)
    if found.http:
        return HttpSource(found.id, found.http)
    raise errors.unknown(found.id, found.kind)
