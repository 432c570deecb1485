"""The spans of an attempt. It is a message that was taken from the queue of exports."""

from services.contract.codes import FailureCode
from services.contract.job import Job
from services.contract.outcome import Built, Failure
from services.runtime.tracing.context import CURRENT, carried
from services.runtime.tracing.tracer import Span, Tracer
from services.runtime.tracing.words import Attribute, Attributes, Kind, SpanName
from services.worker.order import Outcome
from services.worker.stages import Stage
from services.worker.supervisor.outcome_log import Ending

_NANOSECONDS_IN_MS = 1_000_000


def attempt_span(tracer: Tracer, job: Job) -> Span:
    """Return the span of an attempt, below the call that created the export."""
    return tracer.span(SpanName.ATTEMPT, carried(job.trace), _attributes(job), Kind.CONSUMER)


def note_ending(span: Span, ending: Ending, outcome: Outcome | None) -> None:
    """Note how an attempt ended."""
    span.note({Attribute.OUTCOME: ending.value})
    match outcome:
        case Built(artifact, stats):
            span.note({Attribute.ROWS: stats.rows_written, Attribute.BYTES: artifact.size_bytes})
        case Failure():
            span.fail(outcome.code)
    if ending is Ending.BROKEN:
        span.fail(FailureCode.INTERNAL)


def record_stages(tracer: Tracer, stages: tuple[Stage, ...]) -> None:
    """Record what a child has measured, below the current span."""
    for stage in stages:
        tracer.past(stage.name, CURRENT.get(), stage.begin_ns, stage.end_ns, _waits(stage), stage.failed)


def _waits(stage: Stage) -> Attributes:
    return {Attribute.WAIT_MS: stage.waited_ns // _NANOSECONDS_IN_MS} if stage.waited_ns else {}


def _attributes(job: Job) -> Attributes:
    return {
        Attribute.EXPORT_ID: job.lease.export_id,
        Attribute.COLLECTION: job.spec.collection,
        Attribute.FORMAT: job.spec.table.format.value,
        Attribute.ATTEMPT: job.attempt,
        Attribute.MESSAGING_SYSTEM: "exportd",
        Attribute.MESSAGING_OPERATION: "process",
        Attribute.MESSAGING_DESTINATION: "exports",
        Attribute.MESSAGING_MESSAGE_ID: job.lease.export_id,
    }
