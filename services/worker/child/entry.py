"""The functions of a child by name, for the supervisor, which must not import what children import."""

from services.worker.order import Outcome, Report, Shown, Work

MODULES = (
    "services.worker.child.libraries",
    "services.worker.child.dispatch",
    "services.worker.child.warm_up",
    "services.worker.sources.limits",
    "services.worker.sources.files.access",
    "services.worker.sources.sql.sqlite.access",
)
"""Modules to preload in children: the code of all orders and what the warm-up reads. The libraries come first."""


def run(work: Work, report: Report) -> Outcome | Shown:
    """Carry out one order."""
    from services.worker.child import dispatch  # noqa: PLC0415 - the supervisor imports this module

    return dispatch.run(work, report)


def warm_up(log_format: str) -> None:
    """Prepare a child for its first order."""
    from services.worker.child import warm_up as warming  # noqa: PLC0415 - the supervisor imports this module

    warming.up(log_format)
