"""The part of a reading that is the same for every source: converting, filtering and counting."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from services.contract.codes import WarningCode
from services.contract.outcome import Consistency, ExportWarning, MatchedBy
from services.contract.spec import Filter, Invalid, Kind, Page
from services.worker.sources.rows import filtering, page, parse
from services.worker.sources.rows.columns import SourceColumn
from services.worker.sources.rows.invalid import Typed, typed
from services.worker.sources.rows.invalid_values import InvalidValues
from services.worker.sources.rows.parse import pc

BATCH_ROWS = 16_384
"""Rows of a batch. Writers are fastest between 8,000 and 16,000 rows."""


@dataclass(frozen=True, slots=True)
class ReadingFacts:
    """What a source knows before it gives its rows.

    `count` is None when only the rows can tell, after `filter` is applied to them. `page` is still to be cut out of the
    matching rows; None when the source gives only the page. `rounded` is the number of values whose last digits the
    source cuts itself. `utf8`: the texts are known to be UTF-8. `time_zone` applies to timestamps without a zone.
    """

    as_of: datetime
    count: int | None
    filter: Filter | None = None
    rounded: int = 0
    utf8: bool = False
    page: Page | None = None
    time_zone: str = "UTC"


def no_rows_warnings(rows: int) -> list[ExportWarning]:
    """Return a warning if no row matches; otherwise nothing."""
    return [] if rows else [ExportWarning(WarningCode.NO_ROWS, "No row matches; the file is complete and holds none.")]


_LOST = {
    WarningCode.TIMESTAMP_ROUNDED: "Times with more precision than a microsecond were cut.",
    WarningCode.LONG_NUMBER_ROUNDED: "Numbers with more digits than a float keeps were rounded to the nearest float.",
}


def _finer(values: parse.Array) -> parse.Array | None:
    return parse.finer_than_microseconds(values) if parse.is_text(values) else None


_LOSING: Mapping[Kind, tuple[WarningCode, Callable[[parse.Array], parse.Array | None]]] = {
    Kind.TIME: (WarningCode.TIMESTAMP_ROUNDED, _finer),
    Kind.TIMESTAMP: (WarningCode.TIMESTAMP_ROUNDED, _finer),
    Kind.FLOAT: (WarningCode.LONG_NUMBER_ROUNDED, parse.beyond_doubles),
}


class SnapshotReading:
    """A ports.Reading over raw batches with one column for each SourceColumn, in order.

    A raw column is text to be parsed, values to be cast, or a struct with the texts of invalid values (see invalid.py).
    """

    consistency = Consistency.SNAPSHOT

    def __init__(self, raw: Iterable[pa.RecordBatch], selection: Sequence[SourceColumn], facts: ReadingFacts) -> None:
        self.as_of: datetime | None = facts.as_of
        self.matched_by = MatchedBy.END_OF_STREAM if facts.count is None else MatchedBy.COUNT
        self.rows_total = facts.count or 0
        self._raw = raw
        self._selection = selection
        self._facts = facts
        self._invalid_values = InvalidValues(selection)
        self._matched = 0
        self._counts = Counter({WarningCode.TIMESTAMP_ROUNDED: facts.rounded})

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See ports.Reading."""
        for kept in page.cut(self._decided(), self._facts.page):
            self._count(kept)
            settled = self._invalid_values.settled(kept, self._matched)
            self._matched += kept.num_rows
            yield settled

    def rows_matched(self) -> int:
        """See ports.Reading. The number is the snapshot's COUNT, or else the number of rows that passed the filter."""
        return self._matched if self._facts.count is None else self._facts.count

    def warnings(self) -> list[ExportWarning]:
        """See ports.Reading."""
        warnings = no_rows_warnings(self.rows_matched())
        warnings += [
            ExportWarning(code, text, self._counts[code]) for code, text in _LOST.items() if self._counts[code]
        ]
        return warnings + self._invalid_values.warnings()

    def _decided(self) -> Iterator[pa.RecordBatch]:
        for batch in self._raw:
            kept = self._decide(batch)
            if kept.num_rows:
                yield kept

    def _lost(self, batch: pa.RecordBatch) -> Iterator[tuple[str, parse.Array]]:
        """Yield which values of a batch lose digits, as additional columns named after the warning's code."""
        for index, column in enumerate(self._selection):
            code, is_lost = _LOSING.get(column.type.kind, (None, None))
            values: parse.Array = batch.column(index)
            values = values.field("value") if pa.types.is_struct(values.type) else values
            lost = is_lost(values) if is_lost and column.field else None
            if lost is not None:
                yield f"{code} {index}", lost

    def _count(self, batch: pa.RecordBatch) -> None:
        for name in batch.schema.names:
            code = next((code for code in _LOST if name.startswith(f"{code} ")), None)
            if code:
                self._counts[code] += pc.sum(batch.column(name)).as_py() or 0

    def _typed(self, index: int, values: parse.Array) -> Typed:
        column = self._selection[index]
        return typed(values, column.parsed_as, utf8=self._facts.utf8, time_zone=self._facts.time_zone)

    def _decide(self, raw: pa.RecordBatch) -> pa.RecordBatch:
        columns = [self._typed(i, raw.column(i)) for i in range(len(self._selection))]
        rows, batch = raw.num_rows, self._invalid_values.batch_of(columns)
        for name, lost in self._lost(raw):
            batch = batch.append_column(name, lost)
        if self._facts.filter is None:
            return batch
        by_term = {(c.name, c.type): column for c, column in zip(self._selection, columns, strict=True)}
        certain = filtering.matches(self._facts.filter, by_term, rows)
        for column, place in self._doubtful(by_term):
            possible = filtering.matches(self._facts.filter, by_term, rows, comparing=(place,))
            doubtful = pc.index(pc.and_not(possible, certain), value=True).as_py()
            if doubtful >= 0:
                raise self._invalid_values.undecidable(column, columns, doubtful)
        return batch.filter(certain)

    def _doubtful(self, by_term: filtering.Columns) -> Iterator[tuple[SourceColumn, filtering.Place]]:
        """Yield the columns with invalid values whose policy is to refuse them."""
        refusing = ((c, (c.name, c.type)) for c in self._selection if c.invalid is Invalid.REFUSE)
        return ((column, place) for column, place in refusing if by_term[place].invalid is not None)
