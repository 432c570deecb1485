"""Checks whether the rows of an API come in the order that was requested."""

from typing import Any

import pyarrow as pa

from services.contract.spec import JobSpec, Kind
from services.worker.sources import errors
from services.worker.sources.rows.parse import Array, pc

# Texts are excluded: the server sorts them by the rules of its own language.
_COMPARABLE = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.DATE, Kind.TIMESTAMP})


class OrderCheck:
    """Checks the first term of the order if the server was given it and its column has numbers or moments.

    This detects a server that ignores the parameter. Nulls may be anywhere.
    """

    def __init__(self, spec: JobSpec) -> None:
        self._source_id = spec.source.id
        self._field = ""
        self._last: Array = None
        sent = {o.column for o in spec.relation.http.order} if spec.relation.http else set()
        first = next((t for t in spec.order[:1] if t.column in sent), None)
        if first is not None:
            self._column, self._descending = first.column, first.descending
            fields = (c.field for c in spec.columns if c.name == first.column and c.type.kind in _COMPARABLE)
            self._field = next(fields, "")

    def look(self, batch: pa.RecordBatch) -> None:
        """Check the next batch. Raises SourceFailed when a row is out of order."""
        if not self._field:
            return
        values: Any = batch.column(self._field).drop_null()
        if not len(values):
            return
        in_place = pc.greater_equal if not self._descending else pc.less_equal
        follows = self._last is None or in_place(values[0], self._last).as_py()
        if not follows or pc.all(in_place(values[1:], values[:-1])).as_py() is False:
            raise errors.unsorted(self._source_id, [self._column])
        self._last = values[-1]
