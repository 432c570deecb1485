"""Conversion of jobs, leases, verdicts and hints."""

from google.protobuf.empty_pb2 import Empty

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from services.contract import job
from services.contract.capabilities import Capabilities
from services.contract.codec.enums import enum_from_pb, enum_to_pb
from services.contract.codec.outcomes import progress_from_pb, progress_to_pb
from services.contract.codec.scalars import duration_from_pb, duration_to_pb
from services.contract.codec.specs import spec_from_bytes, spec_to_pb
from services.contract.identity import MadeOnce

MAX_SPECS_KNOWN = 16
"""How many converted specs are kept. Each may have some hundred kilobytes. What contains one has a copy."""

_TRACEPARENT = "traceparent"
"""The key in the map `trace_context`."""

_spec_to_pb = MadeOnce(spec_to_pb, MAX_SPECS_KNOWN)


def job_to_pb(handed: job.Job) -> queue_pb2.Job:
    return queue_pb2.Job(
        export_id=handed.lease.export_id,
        lease_id=handed.lease.lease_id,
        attempt=handed.attempt,
        max_attempts=handed.max_attempts,
        lease_ttl=duration_to_pb(handed.lease_ttl),
        heartbeat_interval=duration_to_pb(handed.heartbeat_interval),
        run_timeout=duration_to_pb(handed.run_timeout),
        spec=_spec_to_pb(handed.spec),
        artifact_prefix=handed.artifact_prefix,
        store_id=handed.store_id,
        password=handed.password,
        trace_context={_TRACEPARENT: handed.trace} if handed.trace else None,
    )


def job_from_pb(message: queue_pb2.Job) -> job.Job:
    """Raises ValueError for a job without a lease, and for a spec that this version cannot read."""
    if not message.lease_id:
        raise ValueError("a job without a lease_id")
    return job.Job(
        lease=job.LeaseRef(message.export_id, message.lease_id),
        attempt=message.attempt,
        max_attempts=message.max_attempts,
        lease_ttl=duration_from_pb(message.lease_ttl),
        heartbeat_interval=duration_from_pb(message.heartbeat_interval),
        run_timeout=duration_from_pb(message.run_timeout),
        spec=spec_from_bytes(message.spec.SerializeToString(deterministic=True)),
        artifact_prefix=message.artifact_prefix,
        store_id=message.store_id,
        password=message.password,
        trace=message.trace_context.get(_TRACEPARENT, ""),
    )


def report_to_pb(report: job.LeaseReport) -> queue_pb2.LeaseReport:
    return queue_pb2.LeaseReport(
        export_id=report.lease.export_id,
        lease_id=report.lease.lease_id,
        progress=progress_to_pb(report.progress),
    )


def report_from_pb(message: queue_pb2.LeaseReport) -> job.LeaseReport:
    progress = progress_from_pb(message.progress) if message.HasField("progress") else None
    return job.LeaseReport(job.LeaseRef(message.export_id, message.lease_id), progress)


def capabilities_to_pb(can: Capabilities) -> queue_pb2.Capabilities | None:
    """None for a worker that does not report its capabilities."""
    if can.names is None:
        return None
    return queue_pb2.Capabilities(names=sorted(can.names), store_id=can.store_id)


def capabilities_from_pb(message: queue_pb2.Capabilities) -> Capabilities:
    return Capabilities(frozenset(message.names), message.store_id)


def problem_to_pb(problem: job.WorkerProblem) -> queue_pb2.WorkerProblem:
    age = duration_to_pb(problem.age)
    return queue_pb2.WorkerProblem(code=problem.code, source_id=problem.source_id, age=age)


def problem_from_pb(message: queue_pb2.WorkerProblem) -> job.WorkerProblem:
    return job.WorkerProblem(message.code, message.source_id, duration_from_pb(message.age))


def heartbeat_answer_to_pb(answer: job.HeartbeatAnswer) -> queue_pb2.HeartbeatResponse:
    return queue_pb2.HeartbeatResponse(
        verdicts=[
            queue_pb2.LeaseVerdict(lease_id=v.lease_id, verdict=enum_to_pb(queue_pb2.LeaseVerdict.Verdict, v.verdict))
            for v in answer.verdicts
        ],
        missing_jobs=[job_to_pb(j) for j in answer.missing],
        drain=answer.drain,
        heartbeat_interval=duration_to_pb(answer.next_heartbeat_in),
    )


def heartbeat_answer_from_pb(message: queue_pb2.HeartbeatResponse) -> job.HeartbeatAnswer:
    return job.HeartbeatAnswer(
        verdicts=tuple(
            job.LeaseVerdict(v.lease_id, enum_from_pb(job.Verdict, queue_pb2.LeaseVerdict.Verdict, v.verdict))
            for v in message.verdicts
        ),
        missing=tuple(job_from_pb(j) for j in message.missing_jobs),
        drain=message.drain,
        next_heartbeat_in=duration_from_pb(message.heartbeat_interval),
    )


def directive_to_pb(directive: job.Directive) -> queue_pb2.Directive:
    match directive.hint:
        case job.Hint.CANCEL:
            return queue_pb2.Directive(cancel=queue_pb2.Directive.Cancel(lease_id=directive.lease_id))
        case job.Hint.PROGRESS_WANTED:
            return queue_pb2.Directive(progress_wanted=Empty())
        case job.Hint.DRAIN:
            return queue_pb2.Directive(drain=Empty())
        case job.Hint.PING:
            return queue_pb2.Directive(ping=Empty())


def directive_from_pb(message: queue_pb2.Directive) -> job.Directive:
    """A hint that this version does not know becomes a PING, because hints may be lost."""
    which = message.WhichOneof("directive")
    name = which.upper() if which else "PING"
    return job.Directive(job.Hint[name], message.cancel.lease_id)
