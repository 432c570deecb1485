"""Reading by an immutable key in ascending order. Each piece begins after the last key of the previous one.

A row that exists throughout is read once, whatever is inserted and deleted in the meantime. The rows do not belong to a
single moment.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce

import pyarrow as pa

from services.contract.outcome import Consistency
from services.contract.spec import JobSpec
from services.worker.sources import errors
from services.worker.sources.rows.columns import SourceColumn
from services.worker.sources.rows.parse import Array, pc
from services.worker.sources.rows.reading import BATCH_ROWS, ReadingFacts, SnapshotReading

PAGE_ROWS = 2 * BATCH_ROWS

Key = tuple[str, ...]
Piece = Callable[[Key | None], Iterator[pa.RecordBatch]]
"""Yields at most PAGE_ROWS rows after a key; None is the start. The key's columns come last, as text."""
Shared = Callable[[Key], bool]
"""Tells whether several rows have this key, by the database's comparison and in the snapshot of the last piece."""


class KeysetReading(SnapshotReading):
    """A ports.Reading whose rows do not belong to a single moment."""

    consistency = Consistency.KEYSET

    def __init__(self, raw: Iterable[pa.RecordBatch], selection: Sequence[SourceColumn], facts: ReadingFacts) -> None:
        super().__init__(raw, selection, facts)
        self.as_of = None


def check_order(spec: JobSpec) -> None:
    """Raise SourceFailed (ORDER_NOT_BY_KEY) unless the rows are ordered by the key."""
    if not spec.key or [(t.column, t.descending) for t in spec.order] != [(name, False) for name in spec.key]:
        raise errors.order_not_by_key(spec.key)


def pages(
    piece: Piece, shared: Shared, end: Callable[[], None], key_columns: int, ambiguous: errors.SourceFailed
) -> Iterator[pa.RecordBatch]:
    """Yield all rows, without the columns of the key. `end` ends the snapshot of a piece.

    Raises `ambiguous` when rows share a key, because rows after the last key of a piece would be lost.
    """
    last: Key | None = None
    while True:
        rows = 0
        for batch in piece(last):
            rows += batch.num_rows
            if batch.num_rows:
                keys = batch.columns[-key_columns:]
                if _key(keys, 0) == last or _repeats(keys):
                    raise ambiguous
                last = _key(keys, -1)
                yield batch.select(range(batch.num_columns - key_columns))
        if rows == PAGE_ROWS and last and shared(last):
            raise ambiguous
        end()
        if rows < PAGE_ROWS:
            return


def _key(keys: Sequence[Array], row: int) -> Key:
    return tuple(str(c[row].as_py()) for c in keys)


def _repeats(keys: Sequence[Array]) -> bool:
    same = reduce(pc.and_, (pc.equal(c[1:], c[:-1]) for c in keys))
    return bool(pc.any(same).as_py())
