"""What the supervisor names of what children do: it imports none of it."""

from services.worker.order import Outcome, Report, Shown, Work

MODULES = (
    "services.worker.child.dispatch",
    "services.worker.child.warm_up",
    "services.worker.sources.limits",
    "services.worker.sources.files.access",
    "services.worker.sources.sql.sqlite.access",
)
"""Where it is, with what the warm-up reads."""


def run(work: Work, report: Report) -> Outcome | Shown:
    """Do one piece of work."""
    from services.worker.child import dispatch  # noqa: PLC0415 - see above

    return dispatch.run(work, report)


def warm_up(log_format: str) -> None:
    """What comes before the first order."""
    from services.worker.child import warm_up as warming  # noqa: PLC0415 - see above

    warming.up(log_format)
