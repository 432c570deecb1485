"""The part of a reading that is the same for every source: typing, deciding, counting."""

from collections.abc import Iterable, Iterator, Sequence
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
"""Rows a batch: writers are fastest between 8,000 and 16,000."""


@dataclass(frozen=True, slots=True)
class ReadingFacts:
    """What a source knows before its rows: `count` None when only the rows can tell, by way of `filter`.

    `page` is still to be cut out of the rows that match; None when the source gives no others. `utf8`: its texts are
    known to be UTF-8. `time_zone` is where timestamps without a zone are.
    """

    as_of: datetime
    count: int | None
    filter: Filter | None = None
    rounded: int = 0
    utf8: bool = False
    page: Page | None = None
    time_zone: str = "UTC"


def no_rows_warnings(rows: int) -> list[ExportWarning]:
    """What there is to say when no row matches; empty when some do."""
    return [] if rows else [ExportWarning(WarningCode.NO_ROWS, "No row matches; the file is complete and holds none.")]


class SnapshotReading:
    """ports.Reading over raw batches, one column a SourceColumn, in order: text to be parsed, values to be cast, or
    both with the texts of invalid ones (see invalid.py).
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
        self._rounded = facts.rounded

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See ports.Reading."""
        for kept in page.cut(self._decided(), self._facts.page):
            settled = self._invalid_values.settled(kept, self._matched)
            self._matched += kept.num_rows
            yield settled

    def rows_matched(self) -> int:
        """See ports.Reading: COUNT of the snapshot, else the rows that the filter let through."""
        return self._matched if self._facts.count is None else self._facts.count

    def warnings(self) -> list[ExportWarning]:
        """See ports.Reading."""
        warnings = no_rows_warnings(self.rows_matched())
        if self._rounded:
            message = "Times finer than a microsecond lost the digits beyond it."
            warnings.append(ExportWarning(WarningCode.TIMESTAMP_ROUNDED, message, self._rounded))
        return warnings + self._invalid_values.warnings()

    def _decided(self) -> Iterator[pa.RecordBatch]:
        for batch in self._raw:
            kept = self._decide([self._typed(i, batch.column(i)) for i in range(len(self._selection))], batch.num_rows)
            if kept.num_rows:
                yield kept

    def _typed(self, index: int, values: parse.Array) -> Typed:
        column = self._selection[index]
        if column.type.kind in (Kind.TIME, Kind.TIMESTAMP) and parse.is_text(values):
            self._rounded += parse.finer_than_microseconds(values)
        return typed(values, column.parsed_as, utf8=self._facts.utf8, time_zone=self._facts.time_zone)

    def _decide(self, columns: list[Typed], rows: int) -> pa.RecordBatch:
        batch = self._invalid_values.batch_of(columns)
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
        """Columns with an invalid value that must not be passed over."""
        refusing = ((c, (c.name, c.type)) for c in self._selection if c.invalid is Invalid.REFUSE)
        return ((column, place) for column, place in refusing if by_term[place].invalid is not None)
