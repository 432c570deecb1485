"""Conversion of the progress and the outcomes of attempts."""

from collections.abc import Iterable
from datetime import timedelta

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.v1 import export_pb2
from services.contract import outcome
from services.contract.codec.enums import enum_from_pb, enum_to_pb
from services.contract.codec.scalars import duration_from_pb, duration_to_pb, timestamp_from_pb, timestamp_to_pb
from services.contract.codes import failure_code, warning_code


def progress_to_pb(progress: outcome.Progress | None) -> export_pb2.Progress | None:
    if progress is None:
        return None
    return export_pb2.Progress(
        phase=enum_to_pb(export_pb2.Progress.Phase, progress.phase),
        rows_written=progress.rows_written,
        rows_total=progress.rows_total,
        bytes_written=progress.bytes_written,
        eta=duration_to_pb(progress.eta),
    )


def progress_from_pb(message: export_pb2.Progress) -> outcome.Progress:
    return outcome.Progress(
        phase=enum_from_pb(outcome.Phase, export_pb2.Progress.Phase, message.phase),
        rows_written=message.rows_written,
        rows_total=message.rows_total,
        bytes_written=message.bytes_written,
        eta=duration_from_pb(message.eta) if message.HasField("eta") else None,
    )


def artifact_to_pb(artifact: outcome.Artifact) -> queue_pb2.Artifact:
    return queue_pb2.Artifact(
        key=artifact.key,
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
        media_type=artifact.media_type,
        extension=artifact.extension,
        entries=[export_pb2.Entry(name=e.name, size_bytes=e.size_bytes) for e in artifact.entries],
        entry_count=artifact.entry_count,
        encrypted=artifact.encrypted,
        gmac=artifact.gmac,
    )


def artifact_from_pb(message: queue_pb2.Artifact) -> outcome.Artifact:
    return outcome.Artifact(
        key=message.key,
        size_bytes=message.size_bytes,
        sha256=message.sha256,
        media_type=message.media_type,
        extension=message.extension,
        entries=tuple(outcome.Entry(e.name, e.size_bytes) for e in message.entries),
        entry_count=message.entry_count,
        encrypted=message.encrypted,
        gmac=message.gmac,
    )


def stats_to_pb(stats: outcome.RunStats) -> queue_pb2.RunStats:
    return queue_pb2.RunStats(
        rows_matched=stats.rows_matched,
        matched_by=enum_to_pb(export_pb2.MatchedBy, stats.matched_by),
        rows_written=stats.rows_written,
        consistency=enum_to_pb(export_pb2.Consistency, stats.consistency),
        as_of=timestamp_to_pb(stats.as_of),
        warnings=warnings_to_pb(stats.warnings),
    )


def stats_from_pb(message: queue_pb2.RunStats) -> outcome.RunStats:
    return outcome.RunStats(
        rows_matched=message.rows_matched,
        matched_by=enum_from_pb(outcome.MatchedBy, export_pb2.MatchedBy, message.matched_by),
        rows_written=message.rows_written,
        consistency=enum_from_pb(outcome.Consistency, export_pb2.Consistency, message.consistency),
        as_of=timestamp_from_pb(message.as_of) if message.HasField("as_of") else None,
        warnings=warnings_from_pb(message.warnings),
    )


def warnings_to_pb(warnings: Iterable[outcome.ExportWarning]) -> list[export_pb2.Warning]:
    return [export_pb2.Warning(code=w.code, message=w.message, count=w.count) for w in warnings]


def warnings_from_pb(messages: Iterable[export_pb2.Warning]) -> tuple[outcome.ExportWarning, ...]:
    """A code that this version does not know is kept unchanged."""
    return tuple(outcome.ExportWarning(warning_code(w.code), w.message, w.count) for w in messages)


def failure_to_pb(failure: outcome.Failure) -> queue_pb2.Failure:
    return queue_pb2.Failure(code=failure.code, message=failure.message, retryable=failure.retryable)


def failure_from_pb(message: queue_pb2.Failure, retry_after: timedelta | None = None) -> outcome.Failure:
    """A code that this version does not know is kept unchanged, and retried if its sender says so."""
    code = failure_code(message.code, retryable=message.retryable)
    return outcome.Failure(code, message.message, retry_after)
