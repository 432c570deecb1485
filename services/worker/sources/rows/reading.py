"""The part of a reading that is the same for every source: typing, deciding, counting."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from services.contract.codes import WarningCode
from services.contract.outcome import Consistency, ExportWarning, MatchedBy
from services.contract.spec import Filter, Kind, Page
from services.worker.sources import errors
from services.worker.sources.rows import filtering, page, parse
from services.worker.sources.rows.columns import SourceColumn

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
    """ports.Reading over raw batches, one column a SourceColumn, in order: text to be parsed, or values to be cast."""

    consistency = Consistency.SNAPSHOT

    def __init__(self, raw: Iterable[pa.RecordBatch], selection: Sequence[SourceColumn], facts: ReadingFacts) -> None:
        self.as_of: datetime | None = facts.as_of
        self.matched_by = MatchedBy.END_OF_STREAM if facts.count is None else MatchedBy.COUNT
        self.rows_total = facts.count or 0
        self._raw = raw
        self._selection = selection
        self._facts = facts
        self._kept = [i for i, c in enumerate(selection) if c.field]
        self._schema = pa.schema([selection[i].arrow_field for i in self._kept])
        self._examined = 0
        self._matched = 0
        self._rounded = facts.rounded

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See ports.Reading."""
        for kept in page.cut(self._decided(), self._facts.page):
            self._matched += kept.num_rows
            yield kept

    def rows_matched(self) -> int:
        """See ports.Reading: COUNT of the snapshot, else the rows that the filter let through."""
        return self._matched if self._facts.count is None else self._facts.count

    def warnings(self) -> list[ExportWarning]:
        """See ports.Reading."""
        warnings = no_rows_warnings(self.rows_matched())
        if self._rounded:
            message = "Timestamps finer than a microsecond lost the digits beyond it."
            warnings.append(ExportWarning(WarningCode.TIMESTAMP_ROUNDED, message, self._rounded))
        return warnings

    def _decided(self) -> Iterator[pa.RecordBatch]:
        for batch in self._raw:
            kept = self._decide([self._typed(i, batch.column(i)) for i in range(len(self._selection))], batch.num_rows)
            self._examined += batch.num_rows
            if kept.num_rows:
                yield kept

    def _typed(self, index: int, values: parse.Array) -> parse.Array:
        column = self._selection[index]
        if column.type.kind is Kind.TIMESTAMP and parse.is_text(values):
            self._rounded += parse.finer_than_microseconds(values)
        try:
            return parse.typed(values, column.type, utf8=self._facts.utf8, time_zone=self._facts.time_zone)
        except parse.NotOfType as error:
            raise errors.value_invalid(column.label, column.type, self._examined + error.index + 1) from error

    def _decide(self, columns: list[parse.Array], rows: int) -> pa.RecordBatch:
        batch = pa.RecordBatch.from_arrays([columns[i] for i in self._kept], schema=self._schema)
        if self._facts.filter is None:
            return batch
        by_term = {(c.name, c.type): column for c, column in zip(self._selection, columns, strict=True)}
        return batch.filter(filtering.matches(self._facts.filter, by_term, rows))
