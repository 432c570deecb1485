"""The ports of a worker: a job queue, sources of rows and of attachments, table writers and an artifact store.

Rows travel as Arrow record batches with the schema of `schema.arrow_schema`: one column for each ColumnSpec, named by
its `field`, in order.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias

from services.contract.capabilities import Capabilities
from services.contract.job import Directive, HeartbeatAnswer, Job, LeaseRef, LeaseReport, WorkerProblem
from services.contract.outcome import Built, Consistency, ExportWarning, Failure, MatchedBy
from services.contract.preview import Preview, Previewed
from services.contract.spec import AttachmentSpec, JobSpec

if TYPE_CHECKING:  # the supervisor does not need these libraries
    import polars as pl
    import pyarrow as pa


class JobQueue(Protocol):
    """The job queue as a worker sees it.

    Methods raise contract.errors.ExportdError. A call that raises TryAgain can be repeated.
    """

    async def lease(self, poll_id: str, max_jobs: int, wait_s: float, can: Capabilities) -> list[Job]:
        """Wait up to `wait_s` seconds (0 to 25) and return at most `max_jobs` jobs that the worker can build.

        `can` are the worker's capabilities. A repeated call with the same `poll_id` returns the same jobs. Raises
        StoreMismatch when the worker sees another artifact store than the api.
        """
        ...

    async def heartbeat(
        self, held: list[LeaseReport], free_slots: int, *, draining: bool, problems: Sequence[WorkerProblem] = ()
    ) -> HeartbeatAnswer:
        """Confirm and renew every lease in `held`. The verdicts are in the order of `held`."""
        ...

    def directives(self) -> AsyncIterator[Directive]:
        """Yield hints of the api.

        The iterator ends when the api drains, and raises TryAgain when the connection breaks.
        """
        ...

    async def complete(self, lease: LeaseRef, built: Built) -> None:
        """Publish the file and end the attempt. Idempotent. Raises Fenced, RowsMissing or StoreMismatch."""
        ...

    async def fail(self, lease: LeaseRef, failure: Failure) -> None:
        """End the attempt with a failure. Idempotent. Raises Fenced."""
        ...

    async def take_preview(self, wait_s: float) -> Preview | None:
        """Wait up to `wait_s` seconds (0 to 25) for a request for a preview. None when there is none."""
        ...

    async def finish_preview(self, preview_id: str, shown: Previewed | Failure) -> None:
        """Answer a preview. The call does nothing when the caller no longer waits for it."""
        ...

    async def release(self, leases: list[LeaseRef]) -> None:
        """Give leases back to the queue without using up an attempt. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Encoded rows of a text file in UTF-8, each with its line end, exactly as the table's writer would encode them."""

    text: bytes
    rows: int

    @property
    def nbytes(self) -> int:
        """Size of the text in bytes."""
        return len(self.text)


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows as a polars data frame: the columns of the table in order, with the table's types.

    A frame avoids the copy of texts that a record batch would need. `nbytes` is an estimate of its size in memory.
    """

    columns: "pl.DataFrame"
    nbytes: int


class LinesUnfit(Exception):
    """A row has a value that the source encodes differently from the table's writer.

    Read the source as batches instead.
    """


Rows: TypeAlias = "pa.RecordBatch | Frame | Lines"
"""What JobFiles.write accepts."""


class Counted(Protocol):
    """What every reading reports about itself."""

    consistency: Consistency
    as_of: datetime | None
    matched_by: MatchedBy
    rows_total: int
    """Number of rows expected, counted in the same snapshot. 0 when counting would be expensive."""

    def rows_matched(self) -> int:
        """Return how many rows matched, counted by the source and not by the consumer. Valid after the last row."""
        ...

    def warnings(self) -> list[ExportWarning]:
        """Return the warnings that reading produced. Valid after the last row."""
        ...


class Reading(Counted, Protocol):
    """One reading of a source: the filtered rows of a spec, in the order of the spec."""

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """Yield every row once.

        If the spec has attachments, each batch has the key and placeholder columns as text after the table's columns,
        named by `schema.hidden_name`. Raises sources.errors.SourceFailed.
        """
        ...


class LinesReading(Counted, Protocol):
    """One reading of a source that encodes the rows of text files itself, or decodes rows into frames."""

    def lines(self) -> "Iterator[Lines | Frame]":
        """Yield every row once, in order. Raises sources.errors.SourceFailed, and LinesUnfit, even after some rows."""
        ...


class Source(Protocol):
    """A source of rows, built from the worker's settings."""

    def read(self, spec: JobSpec) -> AbstractContextManager[Reading]:
        """Open a reading. Leaving the context releases its resources."""
        ...


Row = dict[str, str | None]
"""Values of a row as text, by column name: the key and the values of the placeholders in attachment paths."""


class AttachmentFiles(Protocol):
    """A source of attachments."""

    concurrency: int
    """The number of attachments that are worth opening at the same time."""

    def open(self, attachment: AttachmentSpec, path: str, row: Row) -> BinaryIO | None:
        """Open the content of the attachment of `row`; None when there is no such file. The caller closes the stream.

        `path` is the attachment's path with the row's values inserted into its placeholders without any change, so it
        may contain `..`. An implementation must not leave the root of the source. May be called from several threads.
        The method and the stream raise sources.errors.SourceFailed.
        """
        ...

    def close(self) -> None:
        """Close connections. A connection that is in use is closed with its stream."""
        ...


class Writer(Protocol):
    """Writes one table in one format to a seekable binary file that belongs to the caller."""

    def write(self, batch: "pa.RecordBatch") -> None:
        """Add rows, in order. Raises values.CannotWrite for a value that the format cannot hold."""
        ...

    def close(self) -> None:
        """Finish the file. `rows_written` and `warnings` are final afterwards."""
        ...

    @property
    def rows_written(self) -> int:
        """Number of rows encoded so far, counted by the encoder."""
        ...

    @property
    def warnings(self) -> list[ExportWarning]:
        """Warnings about values that were not written exactly, one for each kind of change, with its count."""
        ...


class StoreUnavailable(Exception):
    """The artifact store does not accept files at the moment."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A durable file in the artifact store, found by its key. `sha256` and `gmac` are in hexadecimal.

    `gmac` is that of `contract.gmac`; it is empty where the api does not read the file again.
    """

    key: str
    size_bytes: int
    sha256: str
    gmac: str = ""


class ArtifactWriter(Protocol):
    """Writes one file of the artifact store. The file becomes visible with `close`.

    Use either `write`, which appends, or the file that `seekable` returns. Every method raises OSError when the disk is
    full or the store refuses the data.
    """

    seeks: bool
    """Whether `seekable` is available. Objects of a bucket can only be written from start to end."""

    def write(self, block: bytes | memoryview) -> int:
        """Append the whole block, add it to the sha256 and return its length.

        One thread may call it at a time; it need not always be the same thread.
        """
        ...

    def seekable(self) -> BinaryIO:
        """Return the file for formats that change what they have written. `close` reads the file again for the sha256.

        Raises OSError (ESPIPE) unless `seeks` is true.
        """
        ...

    def size(self) -> int:
        """Return the approximate number of bytes so far; exact after `close`."""
        ...

    def push(self) -> None:
        """Start sending written data to the disk or the store without waiting, so that `close` has less to do."""
        ...

    def close(self, tick: Callable[[], None]) -> StoredFile:
        """Make the file durable and publish it under its key.

        If the process is killed during the call, the artifact is either complete or absent. `tick` is called from time
        to time. After an OSError, call `abort`.
        """
        ...

    def abort(self) -> None:
        """Discard the file, unless it is closed. Idempotent."""
        ...


class ArtifactSink(Protocol):
    """The artifact store as workers use it. Files of an attempt belong to its lease and have distinct names."""

    location: str
    """Path or URL of the store, for log and error messages."""

    marker_lasts_s: float
    """How long the marker need not be read again; 0 if reading is cheap."""

    def store_id(self) -> str:
        """Read the store's marker and return its UUID.

        Empty when the marker is missing: the api has not set up this store. Raises StoreUnavailable when the store
        cannot be reached.
        """
        ...

    def open(self, lease: LeaseRef, name: str, media_type: str = "application/octet-stream") -> ArtifactWriter:
        """Create a file of the attempt under this lease.

        `media_type` is the Content-Type that a bucket sends with the file. Raises ValueError for a lease or a name that
        is not allowed in a key, and StoreUnavailable.
        """
        ...

    def withdraw(self, lease: LeaseRef) -> None:
        """Delete all files of an attempt, finished or not.

        Call it only when the attempt's process has ended and no export refers to the files. Idempotent. Files that
        cannot be deleted now are left to the sweep.
        """
        ...

    def sweep(self) -> list[str]:
        """Delete unfinished files of writers that have died, never those of living writers.

        Return the names of the deleted files.
        """
        ...

    def close(self) -> None:
        """Release resources. Idempotent. Open writers must be aborted before."""
        ...
