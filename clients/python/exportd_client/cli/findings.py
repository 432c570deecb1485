"""The findings of exportctl doctor."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """Whether something has to be done: nothing (OK), soon (WARNING), or now (FAULT)."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """What a check found about a subject. action: what to do; empty if it is OK."""

    subject: str
    verdict: Verdict
    found: str
    action: str = ""

    def row(self) -> tuple[str, ...]:
        """Return the cells of a table."""
        shown = "ok" if self.verdict is Verdict.OK else self.verdict.name
        return (shown, self.subject, self.found, self.action or "-")

    def as_json(self) -> dict[str, str]:
        """Return the finding for programs."""
        return {"subject": self.subject, "verdict": self.verdict.value, "found": self.found, "action": self.action}


def ok(subject: str, found: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(subject, Verdict.OK, found)


def warning(subject: str, found: str, action: str) -> Finding:
    """Return a finding that needs an action soon."""
    return Finding(subject, Verdict.WARNING, found, action)


def fault(subject: str, found: str, action: str) -> Finding:
    """Return a finding that keeps calls from working."""
    return Finding(subject, Verdict.FAULT, found, action)
