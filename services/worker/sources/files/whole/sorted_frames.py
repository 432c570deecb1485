"""Sorts the rows of whole Parquet files with bounded memory.

The first column divides the rows into buckets. Each bucket is a file until it is sorted. This costs half as much as
sorting with DuckDB.
"""

import tempfile
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from services.contract.spec import JobSpec, Kind, OrderTerm
from services.worker.concurrency.ordered_map import ordered_map
from services.worker.concurrency.prefetch import prefetch
from services.worker.concurrency.threads import THREADS
from services.worker.sources.files.whole.quick_sort import Order
from services.worker.sources.files.whole.row_groups import WholeFiles

BUCKET_BYTES = 8 << 20
"""Approximate size of the decoded rows that are sorted at once, if the values of the first column differ enough."""
_MAX_BUCKETS = 256
_MAX_UNEVEN = 4
"""Largest size of a bucket, as a multiple of the usual size."""
_SAMPLED_PARTS, _SAMPLES = 16, 512
_SORTED = frozenset({Kind.TEXT, Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN, Kind.DATE, Kind.TIMESTAMP})
"""Kinds whose order is the same everywhere. Floats are excluded because of NaN and the two zeros."""


class TooUneven(Exception):
    """Too many rows share a value of the first column for this method."""


def can_sort(spec: JobSpec) -> bool:
    """Whether every column of the order is in the table and has a kind that can be sorted here."""
    kinds = {column.name: column.type.kind for column in spec.columns}
    return all(kinds.get(term.column) in _SORTED for term in spec.order)


def frames(
    found: WholeFiles,
    terms: Sequence[OrderTerm],
    folder: Path | None,
    bucket_bytes: int = BUCKET_BYTES,
    threads: int = THREADS,
) -> Generator[pl.DataFrame]:
    """Yield all rows in order. Big sorts use files in `folder` (None: the system's folder) and leave it empty.

    While rows are divided, the next ones are decoded; then up to `threads` buckets are sorted at the same time. Raises
    SourceFailed, and TooUneven before the first row.
    """
    order = _order(found, terms)
    bounds = _bounds(found, order.columns[0], bucket_bytes)
    if not len(bounds):
        parts = list(found.frames())
        if parts:
            yield order.sorted(pl.concat(parts))
        return
    with ExitStack() as opened:
        place = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="sort-", dir=folder)))
        buckets = [_Bucket(place / str(number)) for number in range(len(bounds) + 2)]
        for bucket in buckets:
            opened.callback(bucket.close)
        with prefetch(found.frames(), 1, lambda _: 1) as decoded:
            for frame in decoded:
                _part(frame, order.columns[0], bounds, buckets)
                del frame
                if any(bucket.nbytes > _MAX_UNEVEN * bucket_bytes for bucket in buckets):
                    raise TooUneven
        filled = [bucket for bucket in _in_order(buckets, order) if bucket.nbytes]
        workers = opened.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="exportd-sort"))
        in_order = ordered_map(workers, lambda bucket: bucket.sorted(order), filled, threads, _discard)
        for _, rows in opened.enter_context(closing(in_order)):
            yield rows


class _Bucket:
    """Rows in a file: call `add` several times, then `sorted` once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self._file: Any = None
        self.nbytes = 0

    def add(self, rows: pl.DataFrame) -> None:
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._file = pa.OSFile(str(self._path), "wb")
            self._writer = pa.ipc.new_stream(self._file, table.schema)
        self._writer.write_table(table)
        self.nbytes += table.nbytes

    def sorted(self, order: Order) -> pl.DataFrame:
        """Return the sorted rows, of which there must be some. Their texts stay in the file, which has no name then."""
        self.close()
        with closing(pa.memory_map(str(self._path))) as file:
            self._path.unlink()
            return order.sorted(pl.DataFrame(pl.from_arrow(pa.ipc.open_stream(file).read_all())))

    def close(self) -> None:
        """Finish writing. Idempotent."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            self._file.close()


def _discard(_: pl.DataFrame) -> None:
    """Do nothing with a frame that nobody takes."""


def _order(found: WholeFiles, terms: Sequence[OrderTerm]) -> Order:
    places = {column.name: f"c{place}" for place, column in reversed([*enumerate(found.selection)])}
    return Order(
        tuple(places[term.column] for term in terms),
        tuple(term.descending for term in terms),
        tuple(not term.nulls_first for term in terms),
    )


def _bounds(found: WholeFiles, column: str, bucket_bytes: int) -> pl.Series:
    """Return the values that separate the buckets, ascending; empty when all rows go into one bucket.

    Raises TooUneven.
    """
    first = found.first
    if first is None:
        return pl.Series()
    size = int(first.estimated_size()) * found.rows // max(1, first.height)
    buckets = min(_MAX_BUCKETS, -(-size // bucket_bytes))
    if buckets < 2:  # noqa: PLR2004 - one bucket needs no bounds
        return pl.Series()
    sample = found.sample(column, _SAMPLED_PARTS, _SAMPLES)
    values = _comparable(sample.drop_nulls()).sort()
    if len(values) < buckets:
        raise TooUneven
    bounds = values.gather([len(values) * number // buckets for number in range(1, buckets)])
    if bounds.n_unique() < len(bounds):
        raise TooUneven
    return bounds


def _part(frame: pl.DataFrame, column: str, bounds: pl.Series, buckets: Sequence[_Bucket]) -> None:
    values = _comparable(frame[column])
    numbers = bounds.search_sorted(values, side="right").cast(pl.UInt32)
    nulls = values.is_null()
    if nulls.any():
        numbers = numbers.set(nulls, len(bounds) + 1)
    parted = frame.with_columns(numbers.alias("bucket")).partition_by(
        "bucket", as_dict=True, include_key=False, maintain_order=True
    )
    for (number,), rows in parted.items():
        buckets[number].add(rows)


def _in_order(buckets: Sequence[_Bucket], order: Order) -> list[_Bucket]:
    """Return the buckets in order. The last bucket given has the nulls."""
    *valued, nulls = buckets
    ordered = valued[::-1] if order.descending[0] else valued
    return [*ordered, nulls] if order.nulls_last[0] else [nulls, *ordered]


def _comparable(values: pl.Series) -> pl.Series:
    """Return values with the same order whose type supports search_sorted."""
    return values if values.dtype == pl.String else values.to_physical()
