"""Texts that occur repeatedly. Each is stored once in a part of its own, and cells refer to it by number.

A column takes part from the first rows with few different texts until it has too many new ones. Its cells are made once
for each text. The numbers depend on the rows only, not on the speed of threads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import polars as pl
import pyarrow as pa
import pyarrow.compute

from services.contract.spec import ColumnSpec, Kind
from services.worker.writers.values import Cells, Losses
from services.worker.writers.xlsx.cells import sheet_text
from services.worker.writers.xlsx.limits import MAX_CELL_UNITS
from services.worker.writers.xlsx.scan import scan

pc: Any = pyarrow.compute

MIN_ROWS = 1024
"""Fewer rows at once do not show whether texts repeat, and are not worth a part."""

_MAX_NEW_SHARE = 1 / 4  # of the rows at once
MAX_TEXTS = 1 << 15
MAX_BYTES = 4 << 20
_TEXTS = frozenset({Kind.TEXT, Kind.JSON})
_NONE = pa.array([], pa.large_string())


@dataclass(frozen=True, slots=True)
class Share:
    """Cells of one column in consecutive rows.

    `rows` are indexes into `cells` and into `texts`, the texts that the cells show; null means no cell.
    """

    rows: pl.Series
    cells: pl.Series
    texts: pl.Series

    @property
    def shown(self) -> pl.Series:
        """The XML of the cells, row by row."""
        return self.cells[self.rows]  # `gather` would begin with 30 microseconds

    def slice(self, start: int, count: int) -> "Share":
        """Return the cells of `count` of the rows."""
        return Share(self.rows.slice(start, count), self.cells, self.texts)


class SharedTexts:
    """The shared texts of a workbook: at most `max_texts` texts with `max_bytes` bytes.

    Use it in one thread, and call it once for each batch, in order: looking up many rows at once is cheaper. `cells`
    converts numbers of texts to the cells that show them.
    """

    def __init__(
        self,
        columns: tuple[ColumnSpec, ...],
        cells: Callable[[pl.Series], pl.Series],
        min_rows: int = MIN_ROWS,
        *,
        max_texts: int = MAX_TEXTS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.count = 0
        """Number of cells that refer to a shared text."""
        self._cells = cells
        self._min_rows = min_rows
        self._max_texts = max_texts
        self._max_bytes = max_bytes
        self._numbers: dict[str, int] = {}
        self._bytes = 0
        self._columns = {n: _Repeated(spec) for n, spec in enumerate(columns) if spec.type.kind in _TEXTS}

    @property
    def texts(self) -> list[str]:
        """All shared texts by number, from 0."""
        return list(self._numbers)

    def shares(self, batch: pa.RecordBatch) -> dict[int, Share]:
        """Return the columns of these rows whose texts are all shared, by position."""
        shares = {n: self._share(n, column, batch.column(n)) for n, column in [*self._columns.items()]}
        return {n: share for n, share in shares.items() if share is not None}

    def _share(self, n: int, column: "_Repeated", array: "pa.Array[Any]") -> Share | None:
        if len(array) < self._min_rows and not len(column.known):
            return None
        rows = column.find(array)
        if rows.null_count > array.null_count:
            new = pc.unique(array.filter(pc.and_(rows.is_null(), array.is_valid())))
            if len(new) > _MAX_NEW_SHARE * len(array) or not self._take(column, new):
                del self._columns[n]
                return None
            rows = column.find(array)
        self.count += len(array) - array.null_count
        return Share(pl.Series(pl.from_arrow(rows.view(pa.uint32()))), column.cells, column.texts)

    def _take(self, column: "_Repeated", new: pa.LargeStringArray) -> bool:
        """Add new texts to the shared texts of a column. Return whether they were added: either all or none are."""
        size = int(pc.sum(pc.binary_length(new)).as_py())
        full = len(self._numbers) + len(new) > self._max_texts or self._bytes + size > self._max_bytes
        if full or not _stays_as_it_is(column.spec, new):
            return False
        self._bytes += size
        texts = cast("list[str]", new.to_pylist())
        numbers = [self._numbers.setdefault(text, len(self._numbers)) for text in texts]
        column.add(new, self._cells(pl.Series(numbers, dtype=pl.UInt32)))
        return True


class _Repeated:
    """The shared texts of one column in the order of their appearance, with a cell for each."""

    def __init__(self, spec: ColumnSpec) -> None:
        self.spec = spec
        self.known: Any = _NONE
        self.texts = pl.Series(dtype=pl.String)
        self.cells = pl.Series(dtype=pl.String)

    def find(self, array: "pa.Array[Any]") -> Any:
        """Return the indexes of texts; null for null and for an unknown text."""
        return pc.index_in(array, value_set=self.known)

    def add(self, new: pa.LargeStringArray, cells: pl.Series) -> None:
        """Add texts that are not known yet."""
        self.known = pa.concat_arrays([self.known, new])
        self.texts = cast("pl.Series", pl.from_arrow(self.known))
        self.cells = pl.concat([self.cells, cells])


def _stays_as_it_is(spec: ColumnSpec, texts: pa.LargeStringArray) -> bool:
    """Whether cells show the texts unchanged. Readers interpret escapes in shared texts differently."""
    traits = scan(texts)
    if traits.longest > MAX_CELL_UNITS:
        return False
    values = pl.Series(pl.from_arrow(texts))
    return not traits.unusual or bool((sheet_text(Cells(spec, values, 0), Losses()) == values).all())
