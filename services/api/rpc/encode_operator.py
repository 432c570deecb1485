"""Converts the queue and the workers to messages for operators."""

from datetime import datetime, timedelta

from exportd.v1 import operator_service_pb2
from services.api.domain.states import State
from services.api.ports.live import WorkerSeen
from services.api.usecases.operations import RunningView, TenantPart
from services.contract.codec import duration_to_pb, progress_to_pb, timestamp_to_pb
from services.contract.codes import FailureCode


def tenant_queue(of_tenant: TenantPart) -> operator_service_pb2.TenantQueue:
    """Return the numbers of one tenant's exports that wait and run."""
    part, share = of_tenant
    return operator_service_pb2.TenantQueue(
        tenant=part.tenant,
        queued=part.counts[State.QUEUED],
        processing=part.counts[State.PROCESSING],
        failed=part.counts[State.FAILED],
        max_running=share.max_running,
        weight=share.weight,
    )


def running_export(view: RunningView) -> operator_service_pb2.RunningExport:
    """Return an export that is being built."""
    export = view.running.export
    return operator_service_pb2.RunningExport(
        export_id=export.id,
        tenant=export.tenant,
        type=export.type,
        attempt=export.attempt,
        worker_id=view.running.worker_id,
        start_time=timestamp_to_pb(export.start_time),
        progress=progress_to_pb(view.progress),
    )


def worker(record: WorkerSeen, now: datetime) -> operator_service_pb2.Worker:
    """Return a worker as it was last seen."""
    return operator_service_pb2.Worker(
        id=record.id,
        running=record.held,
        free_slots=record.free_slots,
        draining=record.draining or record.asked_to_drain,
        last_seen_age=duration_to_pb(max(now - record.seen, timedelta())),
        problems=_problems(record, now),
    )


def _problems(record: WorkerSeen, now: datetime) -> list[operator_service_pb2.WorkerProblem]:
    """Return the problems that the worker reported, with their present age.

    STORE_MISMATCH is added if this api found that the worker uses another artifact store.
    """
    since = now - (record.beat or record.seen)
    told = [
        operator_service_pb2.WorkerProblem(code=p.code, source_id=p.source_id, age=duration_to_pb(p.age + since))
        for p in record.problems
    ]
    mismatch = operator_service_pb2.WorkerProblem(code=FailureCode.STORE_MISMATCH)
    known = record.store_matches or any(problem.code == FailureCode.STORE_MISMATCH for problem in told)
    return told if known else [mismatch, *told]
