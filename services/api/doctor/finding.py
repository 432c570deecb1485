"""The result of a check."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """Whether something has to be done: nothing (OK), soon (WARNING), or now (FAULT)."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found out about a `subject`, such as "certificate". `action` says what to do; empty if it is OK."""

    subject: str
    verdict: Verdict
    found: str
    action: str = ""


def ok(subject: str, found: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(subject, Verdict.OK, found)


def warning(subject: str, found: str, action: str) -> Finding:
    """Return a finding that needs an action soon."""
    return Finding(subject, Verdict.WARNING, found, action)


def fault(subject: str, found: str, action: str) -> Finding:
    """Return a finding that keeps the api from starting or from working."""
    return Finding(subject, Verdict.FAULT, found, action)
