"""Reading by an immutable key, ascending: each piece begins behind the last key of the one before.

A row that is there throughout is read once, whatever is inserted and deleted meanwhile; there is no one moment that
all rows belong to.
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
"""At most PAGE_ROWS rows behind a key, None being the start; the key's columns come last, as text."""
Shared = Callable[[Key], bool]
"""Whether several rows have this key, as the database compares and by the snapshot of the piece before."""


class KeysetReading(SnapshotReading):
    """ports.Reading, of no one moment."""

    consistency = Consistency.KEYSET

    def __init__(self, raw: Iterable[pa.RecordBatch], selection: Sequence[SourceColumn], facts: ReadingFacts) -> None:
        super().__init__(raw, selection, facts)
        self.as_of = None


def check_order(spec: JobSpec) -> None:
    """Raises SourceFailed (ORDER_NOT_BY_KEY) unless the order is that of the key."""
    if not spec.key or [(t.column, t.descending) for t in spec.order] != [(name, False) for name in spec.key]:
        raise errors.order_not_by_key(spec.key)


def pages(
    piece: Piece, shared: Shared, end: Callable[[], None], key_columns: int, ambiguous: errors.SourceFailed
) -> Iterator[pa.RecordBatch]:
    """All rows, without the columns of the key; `end` ends the snapshot of a piece.

    Raises `ambiguous` when rows share a key: behind the last key of a piece they would be lost.
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
