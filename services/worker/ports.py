"""What a job needs from the outside: a queue, sources of rows and of attachments, a writer of tables, a place for
files.

Rows travel as Arrow record batches with the schema of `schema.arrow_schema`: one column a ColumnSpec, named by its
`field`, in order.
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

if TYPE_CHECKING:  # the supervisor does not need them
    import polars as pl
    import pyarrow as pa


class JobQueue(Protocol):
    """The queue as a worker sees it. Verbs raise contract.errors.ExportdError; after TryAgain, call again."""

    async def lease(self, poll_id: str, max_jobs: int, wait_s: float, can: Capabilities) -> list[Job]:
        """Wait up to `wait_s` (0 to 25) for jobs that a worker can do; the same `poll_id` again returns the same jobs.

        Raises StoreMismatch when it sees another artifact store than the api.
        """
        ...

    async def heartbeat(
        self, held: list[LeaseReport], free_slots: int, *, draining: bool, problems: Sequence[WorkerProblem] = ()
    ) -> HeartbeatAnswer:
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


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows as polars has decoded them: the columns of the table in order, of its types. Texts lie where they were
    decoded; in a batch they would be a copy. `nbytes` is about what it takes.
    """

    columns: "pl.DataFrame"
    nbytes: int


class LinesUnfit(Exception):
    """A row has a value that the source does not write as the table's writer does: read it as batches instead."""


Rows: TypeAlias = "pa.RecordBatch | Frame | Lines"
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

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """Every row once. With attachments in the spec each batch also carries the key and placeholder columns as
        text, after the table's columns, named by `schema.hidden_name`. Raises sources.errors.SourceFailed.
        """
        ...


class LinesReading(Counted, Protocol):
    """One reading of a source that writes rows of text files itself, or has them decoded as their writer likes best."""

    def lines(self) -> "Iterator[Lines | Frame]":
        """Every row once, in order. Raises sources.errors.SourceFailed, and LinesUnfit also after the first ones."""
        ...


class Source(Protocol):
    """A place that rows come from, made from the worker's settings."""

    def read(self, spec: JobSpec) -> AbstractContextManager[Reading]:
        """Open a reading; leaving the context gives everything back."""
        ...


Row = dict[str, str | None]
"""Values of a row by the column's name, as text: its key and what stands in the paths of attachments."""


class AttachmentFiles(Protocol):
    """Attachments of rows, wherever they are."""

    concurrency: int
    """How many it is worth to open at the same time."""

    def open(self, attachment: AttachmentSpec, path: str, row: Row) -> BinaryIO | None:
        """The content of the attachment of `row`; the caller closes it. None when there is none.

        `path` is that of the attachment, with the row's values in its placeholders as they are, `..` included: it must
        not leave the root of the source. Called by several threads. Raises sources.errors.SourceFailed, as may the
        stream.
        """
        ...

    def close(self) -> None:
        """Let go of connections; those in use end with their streams."""
        ...


class Writer(Protocol):
    """Writes one table in one format to a seekable binary file that it does not own."""

    def write(self, batch: "pa.RecordBatch") -> None:
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


class StoreUnavailable(Exception):
    """The artifact store does not accept files at the moment."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the artifact store: durable, and there for whoever knows its key. `sha256` in hexadecimal."""

    key: str
    size_bytes: int
    sha256: str


class ArtifactWriter(Protocol):
    """A file that nobody sees before `close`: written at its end only by `write`, else by what `seekable` gives.

    Bytes that find no room, or a store that does not take them, raise OSError from whichever verb notices.
    """

    seeks: bool
    """Whether there is a `seekable`: an object is written from its start to its end."""

    def write(self, block: bytes | memoryview) -> int:
        """Append all of it, and count it in the sha256. By one thread at a time, not always the same one."""
        ...

    def seekable(self) -> BinaryIO:
        """The file, for formats that go back to what they wrote: its bytes are read again for the sha256.

        Raises OSError (ESPIPE) unless the writer `seeks`.
        """
        ...

    def size(self) -> int:
        """Bytes so far, more or less; all of them after `close`."""
        ...

    def push(self) -> None:
        """Begin to take what was written to its place, without waiting, so that less is left for `close`."""
        ...

    def close(self, tick: Callable[[], None]) -> StoredFile:
        """Make it an artifact. It is durable then; what is killed before leaves a whole one or none. `tick` is called
        occasionally. Raises OSError: then `abort`.
        """
        ...

    def abort(self) -> None:
        """Give it up, unless it is closed: nothing stays of it. Idempotent."""
        ...


class ArtifactSink(Protocol):
    """The artifact store as its writers see it. An attempt's files are those of its lease, each with its own name."""

    location: str
    """Where it is, for people."""

    def store_id(self) -> str:
        """The UUID in its marker; empty when there is none: the api has not made this store, or it is out of reach."""
        ...

    def open(self, lease: LeaseRef, name: str, media_type: str = "application/octet-stream") -> ArtifactWriter:
        """A new file of the attempt under this lease. ValueError for a lease or a name that no key may have.

        `media_type` is what a store of objects tells whoever downloads the file from it. Raises StoreUnavailable.
        """
        ...

    def withdraw(self, lease: LeaseRef) -> None:
        """Remove what the attempt wrote, closed or not: only when its process is dead or done, and nothing can point at
        it. Idempotent; what cannot be removed now is the sweep's.
        """
        ...

    def sweep(self) -> list[str]:
        """Remove what writers left that died before `close`, never what a living one writes; returns the names."""
        ...

    def close(self) -> None:
        """Give back what it holds; idempotent. Open writers are aborted before."""
        ...
