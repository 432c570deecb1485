"""What a job needs from the outside: a queue, a source of rows, a writer of files.

Rows travel as Arrow record batches with the schema of `schema.arrow_schema`: one column a ColumnSpec, named by its
`field`, in order.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from services.contract.job import Directive, HeartbeatAnswer, Job, LeaseRef, LeaseReport
from services.contract.outcome import Built, Consistency, ExportWarning, Failure, MatchedBy
from services.contract.preview import Preview, Previewed
from services.contract.spec import JobSpec


class JobQueue(Protocol):
    """The queue as a worker sees it. Verbs raise contract.errors.ExportdError; after TryAgain, call again."""

    async def lease(self, poll_id: str, max_jobs: int, wait_s: float) -> list[Job]:
        """Wait up to `wait_s` (0 to 25) for jobs; the same `poll_id` again returns the same jobs."""
        ...

    async def heartbeat(self, held: list[LeaseReport], free_slots: int, *, draining: bool) -> HeartbeatAnswer:
        """Confirm and renew every lease in `held`; the verdicts come in the same order."""
        ...

    def directives(self) -> AsyncIterator[Directive]:
        """Hints, until the api drains (ends) or the connection breaks (raises TryAgain)."""
        ...

    async def complete(self, lease: LeaseRef, built: Built) -> None:
        """Publish the file. Idempotent. Raises Fenced, RowsMissing, StoreMismatch."""
        ...

    async def fail(self, lease: LeaseRef, failure: Failure) -> None:
        """End the attempt. Idempotent. Raises Fenced."""
        ...

    async def take_preview(self, wait_s: float) -> Preview | None:
        """Wait up to `wait_s` (0 to 25) for somebody who wants to see rows."""
        ...

    async def finish_preview(self, preview_id: str, shown: Previewed | Failure) -> None:
        """Answer. Nothing happens when nobody waits any more."""
        ...

    async def release(self, leases: list[LeaseRef]) -> None:
        """Give leases back unfinished; no attempt is spent. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Finished rows of a text file in UTF-8, each with its line end, as the table's writer would write them."""

    text: bytes
    rows: int

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return len(self.text)


class LinesUnfit(Exception):
    """A row has a value that the source does not write as the table's writer does: read it as batches instead."""


Rows = pa.RecordBatch | Lines
"""What a package takes."""


class Counted(Protocol):
    """What every reading tells of itself."""

    consistency: Consistency
    as_of: datetime | None
    matched_by: MatchedBy
    rows_total: int
    """Rows expected, counted in the same snapshot; 0 when that is not cheap."""

    def rows_matched(self) -> int:
        """Counted apart from whoever consumes the rows; valid after the last one."""
        ...

    def warnings(self) -> list[ExportWarning]:
        """What reading found; valid after the last row."""
        ...


class Reading(Counted, Protocol):
    """One repeatable reading of a source: the rows of a spec, filtered, in its order."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Every row once. With attachments in the spec each batch also carries the key and placeholder columns as
        text, after the table's columns, named by `schema.hidden_name`. Raises sources.errors.SourceFailed.
        """
        ...


class LinesReading(Counted, Protocol):
    """One reading of a source that writes rows of text files itself."""

    def lines(self) -> Iterator[Lines]:
        """Every row once, in order. Raises sources.errors.SourceFailed, and LinesUnfit also after the first ones."""
        ...


class Source(Protocol):
    """A place that rows come from, made from the worker's settings."""

    def read(self, spec: JobSpec) -> AbstractContextManager[Reading]:
        """Open a reading; leaving the context gives everything back."""
        ...


class Writer(Protocol):
    """Writes one table in one format to a seekable binary file that it does not own."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, in order. Raises values.CannotWrite for a value that the format cannot hold."""
        ...

    def close(self) -> None:
        """Finish the file; `rows_written` and `warnings` are final afterwards."""
        ...

    @property
    def rows_written(self) -> int:
        """Rows in what has been encoded so far, counted by the encoder."""
        ...

    @property
    def warnings(self) -> list[ExportWarning]:
        """Values that had to be written differently, each kind with its count."""
        ...
