"""Chooses the work of a child: a job, a preview or a probe."""

from services.worker.child import job, preview, probe
from services.worker.order import Order, Outcome, PreviewOrder, ProbeOrder, Report, Shown, Work


def run(work: Work, report: Report) -> Outcome | Shown:
    """Carry out one order."""
    match work:
        case Order():
            return job.run(work, report)
        case PreviewOrder():
            return preview.run(work)
        case ProbeOrder():
            return probe.run(work)
