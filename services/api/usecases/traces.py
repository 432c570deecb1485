"""The spans of an export that the api records below the call that created it: its waits, its lost leases, its files."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from services.api.domain.export import Export
from services.api.domain.leases import EXPIRED_CODE, Claimed
from services.api.usecases.download_log import Sending
from services.runtime.tracing.context import CURRENT, carried
from services.runtime.tracing.tracer import NO_TRACER, Tracer
from services.runtime.tracing.words import Attribute, Attributes, SpanName

_EPOCH = datetime.fromtimestamp(0, UTC)


class ExportTraces:
    """Records the spans. Exports without a trace have none."""

    def __init__(self, tracer: Tracer = NO_TRACER) -> None:
        self._tracer = tracer

    def leased(self, claimed: Claimed) -> None:
        """Record the wait of an export that a worker has just leased."""
        export = claimed.export
        if export.trace:
            began, ended = _began_to_wait(export), export.update_time
            of = _attributes(export)
            self._tracer.past(SpanName.QUEUE, carried(export.trace), nanoseconds(began), nanoseconds(ended), of)

    def expired(self, export: Export) -> None:
        """Record an attempt whose worker stopped answering, and which therefore may have no span of its own."""
        if export.trace:
            began, ended = export.update_time - (export.duration or timedelta()), export.update_time
            self._tracer.past(
                SpanName.LEASE_EXPIRED,
                carried(export.trace),
                nanoseconds(began),
                nanoseconds(ended),
                _attributes(export),
                failed=EXPIRED_CODE,
            )

    @contextmanager
    def download(self, sending: Sending) -> Iterator[None]:
        """Return a context in which a file is sent. The span has a link to that of the call, and the call's to it."""
        export, file = sending.download.export, sending.download.file
        call = CURRENT.get()
        of = {**_attributes(export), Attribute.FILE_ID: file.id}
        with self._tracer.span(SpanName.DOWNLOAD, carried(export.trace), of) as span:
            span.link(call)
            try:
                yield
            finally:
                span.note({Attribute.BYTES: sending.sent})


def _began_to_wait(export: Export) -> datetime:
    """Return when the export was created, or when its last attempt failed."""
    return export.errors[-1].time if export.errors else export.create_time


def _attributes(export: Export) -> Attributes:
    return {
        Attribute.EXPORT_ID: export.id,
        Attribute.TENANT: export.tenant,
        Attribute.COLLECTION: export.type,
        Attribute.FORMAT: export.format.value,
        Attribute.RUN: export.run,
        Attribute.ATTEMPT: export.attempt,
    }


def nanoseconds(time: datetime) -> int:
    """Return the nanoseconds since 1970 UTC of a time."""
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000
