"""Builds one job in a child: source, writer, artifact store."""

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from services.contract.codes import FailureCode
from services.contract.outcome import Built, Failure, MatchedBy, Phase, RunStats
from services.runtime import logs
from services.runtime.tracing.words import SpanName
from services.worker.artifacts import open_sink
from services.worker.child.main import internal
from services.worker.child.output import JobContext
from services.worker.child.packaging import JobFiles, job_files
from services.worker.child.progress_meter import Meter
from services.worker.child.source_failures import outlined, referenced
from services.worker.concurrency.prefetch import in_turn, prefetch
from services.worker.order import Order, Outcome, Report
from services.worker.ports import Counted, LinesUnfit, Rows, StoreUnavailable
from services.worker.sources.access import RowOptions
from services.worker.sources.errors import SourceFailed
from services.worker.sources.rows import mask
from services.worker.stages import stage, waited_for
from services.worker.writers.values import CannotWrite

MAX_WARNINGS = 100
_MAX_PREFETCH_BYTES = 16 << 20
_FEW_ROWS = 2_048
"""So many rows are read and written sooner than a thread could help."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class RowsMissing(Exception):
    """The number of rows written differs from the number of rows that matched."""

    def __init__(self, matched: int, written: int) -> None:
        super().__init__(matched, written)
        self.message = f"{matched} rows matched and {written} were written"


def run(order: Order, report: Report) -> Outcome:
    """Build and store the files of an order, or return why that failed.

    Nothing else remains except in the scratch folder.
    """
    try:
        return _built(order, report)
    except SourceFailed as failed:
        logs.get().warning("source_failed", export_id=order.job.lease.export_id, **outlined(failed, order.reference))
        return _of_source(order, failed)
    except CannotWrite as refused:
        return Failure(refused.code, refused.message)
    except RowsMissing as missing:
        return Failure(FailureCode.ROWS_MISSING, missing.message)
    except MemoryError:
        return Failure(FailureCode.OUT_OF_MEMORY, "the worker has too little memory for this export")
    except StoreUnavailable as raised:
        logs.get().warning("store_unavailable", reference=order.reference, cause=logs.outline(raised))
        return Failure(FailureCode.STORE_UNAVAILABLE, "the artifact store does not accept files at the moment")
    except Exception as unexpected:  # noqa: BLE001 - the caller gets a reference; the log has the details
        logs.get().error("job_failed", reference=order.reference, cause=logs.outline(unexpected))
        full = isinstance(unexpected, OSError) and unexpected.errno in _NO_ROOM
        return _disk_full() if full else internal(order.reference)


def _of_source(order: Order, failed: SourceFailed) -> Failure:
    """Return the failure of a source. It is the worker's own failure if this worker cannot connect to it now."""
    lost = order.sources.unreachable(order.job.spec) if failed.code is FailureCode.SOURCE_UNAVAILABLE else ""
    if lost:
        message = f"The worker cannot reach the source {lost!r}. Reference {order.reference}."
        return Failure(FailureCode.SOURCE_UNREACHABLE, message, source_id=lost)
    return Failure(failed.code, referenced(failed, order.reference))


def _disk_full() -> Failure:
    return Failure(FailureCode.DISK_FULL, "the artifact store has no room for the file")


def _built(order: Order, report: Report) -> Built:
    try:
        return _made(order, report, as_lines=True)
    except LinesUnfit:
        logs.get().info("database_csv_not_exact", reference=order.reference)
        return _made(order, report, as_lines=False)


def _made(order: Order, report: Report, *, as_lines: bool) -> Built:
    meter = Meter(report, lambda: files.size(), order.report_interval_s)  # noqa: PLW0108 - `files` does not exist yet
    job = replace(order.job, spec=mask.spec_for_writers(order.job.spec))
    with (
        closing(order.sources.open_attachments(order.job.spec.attachments)) as attachments,
        closing(open_sink(order.artifacts)) as sink,
        job_files(
            JobContext(job, sink, order.scratch, datetime.now(UTC), meter.tick, order.threads), attachments
        ) as files,
    ):
        stats = _written(order, files, meter, as_lines=as_lines)
        meter.enter(Phase.UPLOADING)
        with stage(SpanName.UPLOAD):
            artifact, separate = files.store()
    return Built(artifact, stats, separate)


def _written(order: Order, files: JobFiles, meter: Meter, *, as_lines: bool) -> RunStats:
    """Write the whole table and what goes with it. Raises RowsMissing or LinesUnfit."""
    meter.enter(Phase.READING)
    with ExitStack() as read:
        reading_stage = read.enter_context(stage(SpanName.READ))
        reading, rows = read.enter_context(_opened(order, as_lines=as_lines))
        meter.rows_total = reading.rows_total
        with stage(SpanName.WRITE):
            with _ahead(reading, rows, meter) as parts:
                for part in waited_for(parts, reading_stage):
                    files.write(part)
                    meter.wrote(files.rows_written)
            files.close()
        meter.wrote(files.rows_written)
        meter.enter(Phase.PACKAGING)
        stats = _stats(reading, files)
    with stage(SpanName.PACKAGE):
        files.finish(stats)
    return stats


def _ahead(reading: Counted, rows: Iterator[Rows], meter: Meter) -> AbstractContextManager[Iterator[Rows]]:
    """Read rows while earlier ones are written, unless the source has counted that there are only a few."""
    if reading.matched_by is MatchedBy.COUNT and 0 < reading.rows_total <= _FEW_ROWS:
        return in_turn(rows)
    return prefetch(rows, _MAX_PREFETCH_BYTES, lambda part: part.nbytes, meter.catch_up)


@contextmanager
def _opened(order: Order, *, as_lines: bool) -> Iterator[tuple[Counted, Iterator[Rows]]]:
    """Open a reading and yield it with its rows. With `as_lines`, a source that can encode the rows itself does so."""
    spec = order.job.spec
    careful = order.job.attempt > 1  # the last attempt may have killed its process
    options = RowOptions(order.scratch, careful=careful, threads=order.threads)
    if as_lines:
        with order.sources.open_lines(spec, options) as lined:
            if lined:
                yield lined, lined.lines()
                return
    with order.sources.open_rows(spec.source, options).read(spec) as reading:
        yield reading, reading.batches()


def _stats(reading: Counted, files: JobFiles) -> RunStats:
    matched, written = reading.rows_matched(), files.rows_written
    if matched != written:
        raise RowsMissing(matched, written)
    warnings = tuple([*reading.warnings(), *files.warnings][:MAX_WARNINGS])
    return RunStats(matched, reading.matched_by, written, reading.consistency, reading.as_of, warnings)
