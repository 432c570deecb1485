"""Reads whole Parquet files, some row groups at a time, with polars. This takes a third of DuckDB's processor time.

It is used only if rows just need to be decoded and memory suffices: the columns are stored with the catalog's types,
and a row group fits into memory. DuckDB reads everything else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.exceptions import PanicException, PolarsError

from services.contract.spec import All, JobSpec, Kind
from services.worker.schema import arrow_type
from services.worker.sources import errors
from services.worker.sources.files.listing import Files
from services.worker.sources.files.memory import MemoryLimits
from services.worker.sources.files.place import Directory
from services.worker.sources.files.whole import infinite, small_file
from services.worker.sources.rows.columns import SourceColumn, source_columns
from services.worker.sources.rows.reading import ReadingFacts, SnapshotReading

_VALUE_BYTES = 16
_BATCH_ROWS = 32_768
_BATCH_BYTES = 8 << 20
_MAX_FILES = 1_000

_AS_THEY_ARE = frozenset({Kind.FLOAT, Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP, Kind.DECIMAL})
_FAILURES = (PolarsError, PanicException, pa.ArrowException, OSError, ValueError)
_SHARED_PREFIXES = "DELTA_BYTE_ARRAY"
"""An encoding in which even a long text can take almost no space, so the size in memory is unknown."""


@dataclass(frozen=True, slots=True)
class _Part:
    """`rows` rows of a file from the row `start` on. `names` are the file's names of the columns to read.

    `small` is the file in memory, if it is small; then the part is the whole file.
    """

    path: Path
    names: tuple[str, ...]
    start: int
    rows: int
    small: pq.ParquetFile | None = None


class _Unfit(Exception):
    """The files cannot be read with this module."""


@dataclass(slots=True)
class WholeFiles:
    """All rows of files in their stored order, in parts.

    `first` is the first part, already decoded. It is None once it has been used, and when there are no rows.
    """

    files: Files
    selection: Sequence[SourceColumn]
    parts: Sequence[_Part]
    first: pl.DataFrame | None

    @property
    def rows(self) -> int:
        """Number of rows by the files' own metadata."""
        return sum(part.rows for part in self.parts)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield one frame for each part. The number of rows of each is checked. Raises SourceFailed."""
        first, self.first = self.first, None
        for part in self.parts:
            try:
                frame = first if first is not None else _frame(part, self.selection)
            except _FAILURES as error:
                raise _failure(self.files) from error
            first = None
            yield frame
            del frame
        if not self.files.unchanged():
            raise errors.changed(self.files.settings.id)

    def sample(self, column: str, parts: int, values: int) -> pl.Series:
        """Return values of a column of the frames, by its name in them.

        They are evenly spread: at most `values` from each of at most `parts` parts. Raises SourceFailed.
        """
        place = int(column.removeprefix("c"))
        step = -(-len(self.parts) // parts)
        try:
            frames = [_frame(_with_one(part, place), self.selection[place : place + 1]) for part in self.parts[::step]]
        except _FAILURES as error:
            raise _failure(self.files) from error
        return pl.concat([frame.to_series().gather_every(-(-frame.height // values)) for frame in frames])


def _with_one(part: _Part, place: int) -> _Part:
    return replace(part, names=part.names[place : place + 1])


def whole(files: Files, spec: JobSpec, memory: MemoryLimits, *, in_order: bool = False) -> WholeFiles | None:
    """Open the files and decode the first part. None when DuckDB must read them, or report why they cannot be read.

    A spec with an order is accepted only if `in_order` says that the caller sorts the rows.
    """
    if not files.settings.has_row_groups or not isinstance(files.place, Directory) or not _is_whole(files, spec):
        return None
    if spec.order and not in_order:
        return None
    selection = source_columns(spec, deciding=False)
    try:
        parts = [*_all_parts(files, files.place, selection, memory)]
        first = _frame(parts[0], selection) if parts else None
    except (_Unfit, *_FAILURES):
        return None
    if first is not None and _types_of(tuple(first.dtypes)) != _types(selection):
        return None
    return WholeFiles(files, selection, parts, first)


def opened(files: Files, spec: JobSpec, as_of: datetime, memory: MemoryLimits) -> SnapshotReading | None:
    """Open a reading of all rows of the files in their stored order. None: see `whole`."""
    found = whole(files, spec, memory)
    if found is None:
        return None
    facts = ReadingFacts(as_of, found.rows, utf8=True, time_zone=files.settings.time_zone)
    return SnapshotReading(_rows(found), found.selection, facts)


def _is_whole(files: Files, spec: JobSpec) -> bool:
    plain = spec.filter == All() and spec.page is None and not spec.attachments
    return plain and not files.partitioned and len(files.marks) <= _MAX_FILES


def _types(selection: Sequence[SourceColumn]) -> list[pa.DataType]:
    return [arrow_type(c.type) for c in selection]


@lru_cache(maxsize=256)
def _types_of(stored: tuple[pl.DataType, ...]) -> list[pa.DataType]:
    """Return the types of the batches of a frame with these types."""
    empty = pl.DataFrame(schema={str(place): type_ for place, type_ in enumerate(stored)})
    types: list[pa.DataType] = empty.to_arrow(compat_level=pl.CompatLevel.oldest()).schema.types
    return types


def _all_parts(
    files: Files, place: Directory, selection: Sequence[SourceColumn], most: MemoryLimits
) -> Iterator[_Part]:
    """Yield the parts of all files. Only a file that is alone is kept in memory. Raises _Unfit."""
    small = small_file.opened(place, next(iter(files.marks))) if len(files.marks) == 1 else None
    for path in files.marks:
        for part in _parts(place.path(path), small.metadata if small else None, selection, most):
            yield part if small is None or not _is_all_of(part, small.metadata) else replace(part, small=small)


def _is_all_of(part: _Part, metadata: pq.FileMetaData) -> bool:
    return part.rows == metadata.num_rows and small_file.is_small(metadata)


def _parts(
    path: Path, known: pq.FileMetaData | None, selection: Sequence[SourceColumn], most: MemoryLimits
) -> Iterator[_Part]:
    """Yield the parts of a file, whose metadata may be known. Small neighbouring row groups are joined.

    Raises _Unfit.
    """
    metadata = known or pq.read_metadata(path)
    names = _names(metadata.schema.to_arrow_schema(), selection)
    indexes = _indexes(metadata, names)
    start = rows = size = 0
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        _check_chunks(group, indexes)
        bytes_ = group.total_byte_size + group.num_rows * len(selection) * _VALUE_BYTES
        if bytes_ > most.part_bytes:
            raise _Unfit
        if rows and (rows + group.num_rows > most.part_rows or size + bytes_ > most.part_bytes):
            yield _Part(path, names, start, rows)
            start, rows, size = start + rows, 0, 0
        rows, size = rows + group.num_rows, size + bytes_
    if rows:
        yield _Part(path, names, start, rows)


def _indexes(metadata: pq.FileMetaData, names: Sequence[str]) -> list[int]:
    """Return the indexes of the columns' chunks in each row group. Raises _Unfit."""
    paths = [metadata.schema.column(index).path for index in range(metadata.num_columns)]
    if any(paths.count(name) != 1 for name in names):
        raise _Unfit
    return [paths.index(name) for name in names]


def _check_chunks(group: pq.RowGroupMetaData, indexes: Sequence[int]) -> None:
    """Check that each chunk has as many values as its group has rows, since polars relies on it. Raises _Unfit."""
    for chunk in map(group.column, indexes):
        if chunk.num_values != group.num_rows or _SHARED_PREFIXES in chunk.encodings:
            raise _Unfit


def _names(schema: pa.Schema, selection: Sequence[SourceColumn]) -> tuple[str, ...]:
    """Return the file's name of each column. Names are compared without case, as by DuckDB. Raises _Unfit."""
    stored = {_folded(field.name): field for field in schema}
    if len(stored) < len(schema.names) or any(_has_offset(field.type) for field in schema):
        raise _Unfit
    fields = [stored.get(_folded(c.name)) for c in selection]
    if not all(field and _is_stored_as(c, field.type) for c, field in zip(selection, fields, strict=True)):
        raise _Unfit
    return tuple(field.name for field in fields if field)


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else name


def _has_offset(stored: pa.DataType) -> bool:
    """Whether the type is a timestamp with an offset such as `+05:30` as its zone. polars panics when it reads such a
    schema.
    """
    return pa.types.is_timestamp(stored) and (stored.tz or "").startswith(("+", "-"))


def _is_stored_as(column: SourceColumn, stored: pa.DataType) -> bool:
    kind = column.type.kind
    if kind is Kind.TEXT:
        return pa.types.is_string(stored) or pa.types.is_large_string(stored)
    if kind is Kind.INTEGER:
        return pa.types.is_integer(stored) and not pa.types.is_uint64(stored)
    return kind in _AS_THEY_ARE and stored == arrow_type(column.type)


def _rows(found: WholeFiles) -> Iterator[pa.RecordBatch]:
    for frame in found.frames():
        never = infinite.with_never(frame, found.selection)
        yield from (infinite.without_never(batch, never) for batch in _batches(frame))
        del frame


def _frame(part: _Part, selection: Sequence[SourceColumn]) -> pl.DataFrame:
    whole_numbers = frozenset(place for place, c in enumerate(selection) if c.type.kind is Kind.INTEGER)
    frame = small_file.frame_of(part.small, part.names, whole_numbers) if part.small else _scanned(part, whole_numbers)
    if frame.height != part.rows:
        raise OSError("the file has fewer rows than it says")
    return frame


def _scanned(part: _Part, whole_numbers: frozenset[int]) -> pl.DataFrame:
    lazy = pl.scan_parquet(part.path, glob=False, hive_partitioning=False, cache=False)
    columns = [
        pl.col(name).cast(pl.Int64) if place in whole_numbers else pl.col(name) for place, name in enumerate(part.names)
    ]
    return lazy.slice(part.start, part.rows).select(c.alias(f"c{i}") for i, c in enumerate(columns)).collect()


def slices(frame: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, int]]:
    """Yield slices of the frame with the rows of a batch, and their approximate sizes in bytes."""
    row_bytes = int(frame.estimated_size()) // max(1, frame.height)
    rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, row_bytes)))
    for start in range(0, frame.height, rows):
        part = frame.slice(start, rows)
        yield part, part.height * row_bytes


def _batches(frame: pl.DataFrame) -> Iterator[pa.RecordBatch]:
    for part, _ in slices(frame):
        yield from part.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks().to_batches()


def _failure(files: Files) -> errors.SourceFailed:
    if not files.unchanged():
        return errors.changed(files.settings.id)
    return errors.relation_invalid(files.settings.id, files.settings.kind)
