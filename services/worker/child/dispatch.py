"""What a child does: jobs, previews and probes."""

from services.worker.child import job, preview, probe
from services.worker.order import Order, Outcome, PreviewOrder, ProbeOrder, Report, Shown, Work


def run(work: Work, report: Report) -> Outcome | Shown:
    """Do one piece of work."""
    match work:
        case Order():
            return job.run(work, report)
        case PreviewOrder():
            return preview.run(work)
        case ProbeOrder():
            return probe.run(work)
