"""What applies to the rows of every source: the limit on their number, and masks of columns."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from services.contract.outcome import ExportWarning, MatchedBy
from services.contract.spec import JobSpec
from services.worker.ports import Reading, Source
from services.worker.sources import errors
from services.worker.sources.rows import mask


class GuardedSource:
    """A source whose rows are limited by the spec and whose columns are masked.

    An empty `mask_key` means that there is none. The batches of a masked column hold text. Writers must use
    `mask.spec_for_writers`.
    """

    def __init__(self, source: Source, mask_key: bytes) -> None:
        self._source = source
        self._mask_key = mask_key

    @contextmanager
    def read(self, spec: JobSpec) -> Iterator[Reading]:
        """See ports.Source.

        Raises SourceFailed; with LIMIT_EXCEEDED before the first row if the source has counted its rows.
        """
        mask.check(spec.columns, self._mask_key)
        with self._source.read(spec) as reading:
            counted = reading.matched_by is MatchedBy.COUNT
            if counted:
                check_rows(reading.rows_total, spec.limits.max_rows, exact=True)
            unbounded = counted or not spec.limits.max_rows
            if unbounded and not any(column.mask for column in spec.columns):
                yield reading
            else:
                yield _GuardedReading(reading, spec, self._mask_key)


class _GuardedReading:
    """A ports.Reading that checks and masks each batch."""

    def __init__(self, reading: Reading, spec: JobSpec, mask_key: bytes) -> None:
        self.consistency = reading.consistency
        self.as_of = reading.as_of
        self.matched_by = reading.matched_by
        self.rows_total = reading.rows_total
        self._reading = reading
        self._spec = spec
        self._mask_key = mask_key

    def batches(self) -> Iterator[pa.RecordBatch]:
        """See ports.Reading."""
        bounded = _bounded(self._reading.batches(), self._spec.limits.max_rows)
        return mask.masked(bounded, self._spec.columns, self._mask_key)

    def rows_matched(self) -> int:
        """See ports.Reading."""
        return self._reading.rows_matched()

    def warnings(self) -> list[ExportWarning]:
        """See ports.Reading."""
        return self._reading.warnings()


def check_rows(count: int, most: int, *, exact: bool) -> None:
    """Raise SourceFailed (LIMIT_EXCEEDED) for more than `most` rows. 0 is no limit. `exact`: `count` is the total."""
    if most and count > most:
        raise errors.limit_exceeded("max_rows", most, f"{count}" if exact else f"at least {count}")


def _bounded(batches: Iterable[pa.RecordBatch], most: int) -> Iterator[pa.RecordBatch]:
    count = 0
    for batch in batches:
        count += batch.num_rows
        check_rows(count, most, exact=False)
        yield batch
