"""Reads one preview in a child: rows of a source as JSON. No file is written."""

import io
from collections.abc import Iterator
from dataclasses import replace

from services.contract.codes import WarningCode
from services.contract.outcome import ExportWarning, Failure
from services.contract.preview import Previewed
from services.contract.spec import JobSpec, Page
from services.runtime import logs
from services.worker.child.main import internal
from services.worker.child.source_failures import outlined, referenced
from services.worker.order import PreviewOrder, Shown
from services.worker.sources.errors import SourceFailed
from services.worker.sources.rows import mask
from services.worker.writers.json import JsonLinesWriter
from services.worker.writers.values import CannotWrite

MAX_PREVIEW_BYTES = 5 << 19
"""Limit of all rows together.

One message carries them with columns and warnings, and gRPC clients receive at most 4 MiB.
"""


def run(order: PreviewOrder) -> Shown:
    """Return the first rows or, if `rows` is 0, only their number."""
    try:
        return _first_rows(order) if order.rows else _counted(order)
    except SourceFailed as failed:
        logs.get().warning("preview_failed", **outlined(failed, order.reference))
        return Failure(failed.code, referenced(failed, order.reference))
    except CannotWrite as refused:
        return Failure(refused.code, refused.message)
    except Exception as unexpected:  # noqa: BLE001 - the caller gets a reference; the log has the details
        logs.get().error("preview_failed", reference=order.reference, cause=logs.outline(unexpected))
        return internal(order.reference)


def _first_rows(order: PreviewOrder) -> Previewed:
    spec = replace(order.spec, attachments=(), page=_first(order.spec, order.rows))
    lines = io.BytesIO()
    writer = JsonLinesWriter(lines, mask.spec_for_writers(spec).columns, spec.table.time_zone)
    with order.sources.open_rows(spec.source).read(spec) as reading:
        for batch in reading.batches():
            writer.write(batch)
        warnings = tuple(reading.warnings())
    writer.close()
    # split at LF only: texts may contain other line separators of Unicode
    all_rows = lines.getvalue().split(b"\n")[:-1]
    rows = tuple(_within(all_rows))
    if len(rows) < len(all_rows):
        warnings = (
            *warnings,
            ExportWarning(WarningCode.ROWS_CUT, "rows too large to be shown", len(all_rows) - len(rows)),
        )
    return Previewed(rows, warnings=warnings)


def _first(spec: JobSpec, rows: int) -> Page:
    """Return the page of the first rows. The request may ask for a page itself."""
    return Page(spec.page.offset, min(spec.page.limit, rows)) if spec.page else Page(0, rows)


def _within(rows: list[bytes]) -> Iterator[str]:
    """Yield as many of the first rows as fit into MAX_PREVIEW_BYTES."""
    room = MAX_PREVIEW_BYTES
    for row in rows:
        room -= len(row)
        if room < 0:
            return
        yield row.decode()


def _counted(order: PreviewOrder) -> Previewed:
    spec = replace(order.spec, attachments=())
    with order.sources.open_rows(spec.source).read(spec) as reading:
        return Previewed((), rows_total=reading.rows_total)
