"""Time limits of reading a database."""

import time
from collections.abc import Iterable, Iterator

import pyarrow as pa

from services.contract.spec import JobSpec
from services.worker.sources import errors


def time_bound_s(statement_timeout_s: float, spec: JobSpec) -> float:
    """Return the smaller one of the source's and the collection's time limits, in seconds; 0 is no limit."""
    bounds = [seconds for seconds in (statement_timeout_s, spec.limits.max_snapshot_s) if seconds]
    return min(bounds, default=0)


def within(batches: Iterable[pa.RecordBatch], seconds: float, source_id: str) -> Iterator[pa.RecordBatch]:
    """Yield the batches until the time limit; 0 is no limit. Raises SourceFailed (READING_TOO_LONG)."""
    began = time.monotonic()
    for batch in batches:
        if seconds and time.monotonic() - began > seconds:
            raise errors.too_long(source_id)
        yield batch
