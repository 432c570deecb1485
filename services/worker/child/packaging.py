"""Which files a job makes: a bare table, a ZIP of everything, or a table and a ZIP of its attachments."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from services.contract.formats import KINDS, ZIP, Compression, FileKind, Packaging
from services.contract.outcome import Artifact, ExportWarning, RunStats
from services.contract.spec import JobSpec
from services.worker.bundle.manifest import about
from services.worker.bundle.writer import BundleWriter, Targets, bundles_long_text
from services.worker.child.output import JobContext, Output
from services.worker.ports import AttachmentFiles, Rows
from services.worker.writers.registry import SEEKING


@dataclass(frozen=True, slots=True)
class FileLayout:
    """`zipped`: the table lies in a ZIP. `separate`: the attachments lie in a ZIP of their own."""

    zipped: bool
    separate: bool


def file_layout(spec: JobSpec, *, sealed: bool) -> FileLayout:
    """Fixed by the request, never by the rows; `sealed` says that there is a password.

    AUTO makes a ZIP where a bare file would not do: with attachments, a password, or long text beside the table.
    SEPARATE keeps the attachments out of it. What a password was given for is never left bare.
    """
    separate = spec.packaging is Packaging.SEPARATE and bool(spec.attachments)
    with_attachments = bool(spec.attachments) and not separate
    return FileLayout(
        spec.packaging is Packaging.ZIP or with_attachments or sealed or bundles_long_text(spec), separate
    )


def table_kind(spec: JobSpec, *, zipped: bool) -> FileKind:
    """What the file with the table is called outside. Only a bare one is gzipped."""
    if zipped:
        return ZIP
    kind = KINDS[spec.table.format]
    gzipped = spec.table.compression is Compression.GZIP
    return FileKind(f"{kind.extension}.gz", "application/gzip") if gzipped else kind


class JobFiles:
    """The files of a job while they are made: write rows, `close`, `finish`, then `store`."""

    def __init__(self, context: JobContext, table: Output, separate: Output | None, writer: BundleWriter) -> None:
        self._context = context
        self._table = table
        self._separate = separate
        self._writer = writer

    def write(self, rows: Rows) -> None:
        """Add rows and their attachments, in order; lines only to a table of text without attachments."""
        self._writer.write(rows)
        for output in (self._table, self._separate):
            if output:
                output.push()

    def close(self) -> None:
        """End the table; `rows_written` and `warnings` are final afterwards."""
        self._writer.close()
        self._table.end()

    def finish(self, stats: RunStats) -> None:
        """End the files. What a ZIP says of the job is in its manifest."""
        job = self._context.job
        self._writer.finish(about(job.lease.export_id, job.spec, stats, self._context.began))

    def store(self) -> tuple[Artifact, Artifact | None]:
        """Make the finished files artifacts; the second one is that of the attachments, if any. Raises OSError."""
        separate = self._separate.store() if self._separate else None
        return self._table.store(), separate

    @property
    def rows_written(self) -> int:
        """Rows of the table encoded so far."""
        return self._writer.rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """Values written differently, attachments that were not there, text beside the table."""
        return self._writer.warnings

    def size(self) -> int:
        """Bytes of the files so far."""
        return self._table.size() + (self._separate.size() if self._separate else 0)


@contextmanager
def job_files(context: JobContext, attachments: AttachmentFiles) -> Iterator[JobFiles]:
    """The files of a job, to be made within the context; what is not stored then is given up.

    Raises CannotWrite, StoreUnavailable.
    """
    spec = context.job.spec
    layout = file_layout(spec, sealed=bool(context.job.password))
    with ExitStack() as opened:
        table = opened.enter_context(Output(context, "export", table_kind(spec, zipped=layout.zipped)))
        separate = opened.enter_context(Output(context, "attachments", ZIP)) if layout.separate else None
        targets = _targets(spec, table, separate, layout)
        writer = BundleWriter(spec, targets, attachments, context.scratch, context.threads)
        opened.callback(writer.release)
        yield JobFiles(context, table, separate, writer)


def _targets(spec: JobSpec, table: Output, separate: Output | None, layout: FileLayout) -> Targets:
    beside = separate.archive() if separate else None
    if layout.zipped:
        archive = table.archive()
        return Targets(archive, beside or (archive if spec.attachments else None))
    seeking = spec.table.format in SEEKING
    return Targets(table.seekable() if seeking else table.growing(spec.table.compression), beside)
