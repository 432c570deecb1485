"""How attempts end, and the log line about each of them."""

from dataclasses import dataclass
from enum import Enum

from services.contract.job import Job
from services.contract.outcome import Built, Failure
from services.runtime import logs
from services.worker.metrics import WorkerMetrics
from services.worker.order import Outcome


class Ending(Enum):
    """How an attempt ended.

    COMPLETED and FAILED were accepted by the api. With CANCELLED and LOST the lease is no longer in force. RELEASED:
    the lease was given back. ORPHANED: the api did not answer for too long. BROKEN: a defect of the worker, which the
    log describes.
    """

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    RELEASED = "released"
    ORPHANED = "orphaned"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that has ended. `outcome` is the result of building, or None when the attempt was stopped before."""

    job: Job
    reference: str
    ending: Ending
    outcome: Outcome | None
    seconds: float

    def tell(self, metrics: WorkerMetrics) -> None:
        """Log the attempt and count it in the metrics."""
        metrics.attempts.labels(self.ending.value).inc()
        metrics.run_seconds.labels(self.job.spec.table.format.value).observe(self.seconds)
        if self.ending is Ending.COMPLETED and isinstance(self.outcome, Built):
            metrics.rows.inc(self.outcome.stats.rows_written)
            metrics.bytes.inc(self.outcome.artifact.size_bytes)
        logs.info("attempt", **self._fields(), **_figures(self.outcome))

    def _fields(self) -> dict[str, object]:
        return {
            "export_id": self.job.lease.export_id,
            "lease_id": self.job.lease.lease_id,
            "attempt": self.job.attempt,
            "collection": self.job.spec.collection,
            "format": self.job.spec.table.format.value,
            "reference": self.reference,
            "outcome": self.ending.value,
            "seconds": round(self.seconds, 4),
        }


def _figures(outcome: Outcome | None) -> dict[str, object]:
    match outcome:
        case Built(artifact, stats):
            return {"rows": stats.rows_written, "bytes": artifact.size_bytes, "warnings": len(stats.warnings)}
        case Failure():
            return {"code": outcome.code, "message": outcome.message}
        case None:
            return {}
