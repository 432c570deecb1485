"""Which files a job makes: a table, a ZIP with everything, or a table and a ZIP with its attachments."""

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
    """`zipped`: the table is in a ZIP. `separate`: the attachments are in a ZIP of their own."""

    zipped: bool
    separate: bool


def file_layout(spec: JobSpec, *, sealed: bool) -> FileLayout:
    """Choose the files of a job. The choice depends on the request only, never on rows. `sealed`: there is a password.

    AUTO makes a ZIP if a single file is not enough: with attachments, with a password, or with long texts beside the
    table. SEPARATE keeps the attachments out of that ZIP. With a password, the table is always in an encrypted ZIP.
    """
    separate = spec.packaging is Packaging.SEPARATE and bool(spec.attachments)
    with_attachments = bool(spec.attachments) and not separate
    return FileLayout(
        spec.packaging is Packaging.ZIP or with_attachments or sealed or bundles_long_text(spec), separate
    )


def table_kind(spec: JobSpec, *, zipped: bool) -> FileKind:
    """Return the kind of the file that holds the table. Gzip applies only to a table that is not in a ZIP."""
    if zipped:
        return ZIP
    kind = KINDS[spec.table.format]
    gzipped = spec.table.compression is Compression.GZIP
    return FileKind(f"{kind.extension}.gz", "application/gzip") if gzipped else kind


class JobFiles:
    """The files of a job while they are built: call `write` for rows, then `close`, `finish` and `store`."""

    def __init__(self, context: JobContext, table: Output, separate: Output | None, writer: BundleWriter) -> None:
        self._context = context
        self._table = table
        self._separate = separate
        self._writer = writer

    def write(self, rows: Rows) -> None:
        """Add rows and their attachments, in order. Lines are accepted only for a text table without attachments."""
        self._writer.write(rows)
        for output in (self._table, self._separate):
            if output:
                output.push()

    def close(self) -> None:
        """Finish the table. `rows_written` and `warnings` are final afterwards."""
        self._writer.close()
        self._table.end()

    def finish(self, stats: RunStats) -> None:
        """Finish the files. A ZIP gets its manifest."""
        if not self._writer.archives:
            return
        job = self._context.job
        self._writer.finish(about(job.lease.export_id, job.spec, stats, self._context.began))

    def store(self) -> tuple[Artifact, Artifact | None]:
        """Publish the finished files as artifacts.

        Return the table's and that of the attachments, if there is one. Raises OSError.
        """
        separate = self._separate.store() if self._separate else None
        return self._table.store(), separate

    @property
    def rows_written(self) -> int:
        """Number of rows of the table encoded so far."""
        return self._writer.rows_written

    @property
    def warnings(self) -> list[ExportWarning]:
        """Warnings about changed values, missing attachments and texts that are stored beside the table."""
        return self._writer.warnings

    def size(self) -> int:
        """Return the size of the files in bytes so far."""
        return self._table.size() + (self._separate.size() if self._separate else 0)


@contextmanager
def job_files(context: JobContext, attachments: AttachmentFiles) -> Iterator[JobFiles]:
    """Create the files of a job. What is not stored when the context ends is discarded.

    Raises CannotWrite or StoreUnavailable.
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
