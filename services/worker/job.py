"""One job, in a child: source -> writer -> spool -> artifact store."""

import errno
import hashlib
import os
from typing import BinaryIO

from services.contract.formats import KINDS, ZIP, FileKind, Packaging
from services.contract.outcome import Artifact, Built, Failure, Phase, RunStats
from services.contract.spec import AttachmentSpec, JobSpec
from services.runtime import logs
from services.worker.artifacts import publish
from services.worker.bundle.writer import BundleWriter
from services.worker.child import internal
from services.worker.meter import Meter
from services.worker.order import Order, Outcome, Report
from services.worker.ports import Reading, Writer
from services.worker.sources import open_folder, open_source
from services.worker.sources.errors import SourceFailed
from services.worker.writers.table import open_writer
from services.worker.writers.values import CannotWrite

MOST_WARNINGS = 100
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CHUNK = 1 << 20


class RowsMissing(Exception):
    """What was written is not what matched."""

    def __init__(self, matched: int, written: int) -> None:
        super().__init__(matched, written)
        self.message = f"{matched} rows matched and {written} were written"


def run(order: Order, report: Report) -> Outcome:
    """Build the file of an order and publish it, or say why not. Leftovers are in its spool folder only."""
    try:
        return _built(order, report)
    except SourceFailed as failed:
        logs.get().warning("source_failed", reference=order.reference, exc_info=True)
        return Failure(failed.code, failed.message, retryable=failed.retryable)
    except CannotWrite as refused:
        return Failure(refused.code, refused.message, retryable=False)
    except RowsMissing as missing:
        return Failure("ROWS_MISSING", missing.message, retryable=True)
    except MemoryError:
        return Failure("OUT_OF_MEMORY", "the worker has too little memory for this export", retryable=True)
    except Exception as unexpected:  # noqa: BLE001 - the caller gets a reference, the log the rest
        logs.get().exception("job_failed", reference=order.reference)
        full = isinstance(unexpected, OSError) and unexpected.errno in _NO_ROOM
        return _disk_full() if full else internal(order.reference)


def _disk_full() -> Failure:
    return Failure("DISK_FULL", "the artifact store has no room for the file", retryable=True)


def _built(order: Order, report: Report) -> Built:
    kind = file_kind(order.job.spec)
    path = order.spool / f"export.{kind.extension}"
    with path.open("w+b") as file:
        meter = Meter(report, lambda: os.fstat(file.fileno()).st_size)
        writer, stats = _written(order, file, meter)
        meter.enter(Phase.UPLOADING)
        sha256 = _sha256(file, meter)
        size = file.tell()
    key = publish(path, order.root, order.job, path.name)
    entries, count = (writer.entries, writer.entry_count) if isinstance(writer, BundleWriter) else ((), 0)
    return Built(Artifact(key, size, sha256, kind.media_type, kind.extension, entries, count), stats)


def _written(order: Order, file: BinaryIO, meter: Meter) -> tuple[Writer, RunStats]:
    """The whole table, in `file`. Raises RowsMissing."""
    spec = order.job.spec
    meter.enter(Phase.READING)
    with open_source(order.sources, spec.source, order.spool).read(spec) as reading:
        meter.rows_total = reading.rows_total
        writer = _writer(order, file, meter)
        for batch in reading.batches():
            writer.write(batch)
            meter.wrote(writer.rows_written)
        meter.enter(Phase.PACKAGING)
        writer.close()
        file.flush()
        return writer, _stats(reading, writer)


def _writer(order: Order, file: BinaryIO, meter: Meter) -> Writer:
    spec = order.job.spec
    if not is_zip(spec):
        table = spec.table
        return open_writer(table.format, file, spec.columns, spec.table_name, table.time_zone, order.spool)
    folders = {a.source: open_folder(order.sources, a.source) for a in spec.attachments}

    def opened(attachment: AttachmentSpec, path: str) -> BinaryIO | None:
        meter.tick()
        return folders[attachment.source].open(path)

    return BundleWriter(file, spec, order.spool, opened)


def _stats(reading: Reading, writer: Writer) -> RunStats:
    matched, written = reading.rows_matched(), writer.rows_written
    if matched != written:
        raise RowsMissing(matched, written)
    warnings = tuple([*reading.warnings(), *writer.warnings][:MOST_WARNINGS])
    return RunStats(matched, reading.matched_by, written, reading.consistency, reading.as_of, warnings)


def is_zip(spec: JobSpec) -> bool:
    """Fixed by the request, never by the rows. Raises CannotWrite for what is not built yet."""
    if spec.packaging is Packaging.SEPARATE and spec.attachments:
        raise CannotWrite("PACKAGING_NOT_BUILT", "this version builds no separate file of attachments; choose ZIP")
    return spec.packaging is Packaging.ZIP or bool(spec.attachments)


def file_kind(spec: JobSpec) -> FileKind:
    """What the job's file is called outside."""
    return ZIP if is_zip(spec) else KINDS[spec.table.format]


def _sha256(file: BinaryIO, meter: Meter) -> str:
    """Of the whole file, which is read from its start to its end."""
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        meter.tick()
    return digest.hexdigest()
