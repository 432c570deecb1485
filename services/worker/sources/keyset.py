"""Reading by an immutable key, ascending: each piece begins behind the last key of the one before.

A row that is there throughout is read once, whatever is inserted and deleted meanwhile; there is no one moment that
all rows belong to.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa

from services.contract.outcome import Consistency
from services.contract.spec import JobSpec
from services.worker.sources import errors
from services.worker.sources.columns import Picked
from services.worker.sources.reading import BATCH_ROWS, Found, SnapshotReading

PAGE_ROWS = 2 * BATCH_ROWS

Key = tuple[str, ...]
Piece = Callable[[Key | None], Iterator[pa.RecordBatch]]
"""At most PAGE_ROWS rows behind a key, None being the start; the key's columns come last, as text."""


class KeysetReading(SnapshotReading):
    """ports.Reading, of no one moment."""

    consistency = Consistency.KEYSET

    def __init__(self, raw: Iterable[pa.RecordBatch], picked: Sequence[Picked], found: Found) -> None:
        super().__init__(raw, picked, found)
        self.as_of = None


def check_order(spec: JobSpec) -> None:
    """Raises SourceFailed (ORDER_NOT_BY_KEY) unless the order is that of the key."""
    if not spec.key or [(t.column, t.descending) for t in spec.order] != [(name, False) for name in spec.key]:
        raise errors.order_not_by_key(spec.key)


def pages(piece: Piece, key_columns: int) -> Iterator[pa.RecordBatch]:
    """All rows, without the columns of the key."""
    last: Key | None = None
    while True:
        rows = 0
        for batch in piece(last):
            rows += batch.num_rows
            if batch.num_rows:
                last = tuple(str(c[-1].as_py()) for c in batch.columns[-key_columns:])
                yield batch.select(range(batch.num_columns - key_columns))
        if rows < PAGE_ROWS:
            return
