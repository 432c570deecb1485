"""What a child does: jobs, and previews."""

from services.worker.child import job, preview
from services.worker.order import Outcome, PreviewOrder, Report, Shown, Work


def run(work: Work, report: Report) -> Outcome | Shown:
    """Do one piece of work."""
    return preview.run(work) if isinstance(work, PreviewOrder) else job.run(work, report)
