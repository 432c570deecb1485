"""What callers were told, and what contradicts it."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from chaos.plan import Scenario
from exportd_client import Export


class Violation(Enum):
    """What must not happen; the value is its name in the report."""

    LOST = "lost"
    DOUBLED = "doubled"
    STALE_ACCEPTED = "stale_accepted"
    STRANDED = "stranded"
    NOTIFICATION_MISSING = "notifications_missing"
    NOTIFICATION_CONTRADICTING = "notifications_contradicting"
    ORPHAN_FILE = "orphan_files"
    BAD_SHA256 = "bad_sha256"
    UNEXPECTED = "unexpected"
    """Everything else that no fault excuses: a version that goes back, a cancel undone, an answer INTERNAL."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `export_id` is empty when it belongs to none."""

    violation: Violation
    export_id: str
    what: str


class Findings:
    """Everything that is wrong."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def add(self, violation: Violation, export_id: str, what: str) -> None:
        """Note something, once."""
        finding = Finding(violation, export_id, what)
        if finding not in self.all:
            self.all.append(finding)

    def count(self) -> dict[str, int]:
        """How many of each kind, 0 included."""
        counter = Counter(finding.violation for finding in self.all)
        return {violation.value: counter[violation] for violation in Violation}


@dataclass
class Account:
    """What the callers of one scenario were told. `request_id` is that of the scenario.

    `ids` are those that creates answered with; `cancel_confirmed` and `delete_confirmed` say that the service confirmed
    it. What `cancel_requested` and `delete_requested` say may have been done, even when no answer came.
    """

    request_id: str
    scenario: Scenario
    findings: Findings
    callback: str = ""
    ids: set[str] = field(default_factory=set)
    cancel_requested: bool = False
    cancel_confirmed: bool = False
    delete_requested: bool = False
    delete_confirmed: bool = False
    last: Export | None = None

    @property
    def id(self) -> str:
        """Of the export; empty while no create was answered."""
        return min(self.ids, default="")

    def record_create(self, export: Export) -> None:
        """A create was answered."""
        self.ids.add(export.id)
        if len(self.ids) > 1:
            self.findings.add(Violation.LOST, self.id, f"request_id {self.request_id} made {sorted(self.ids)}")

    def observe(self, export: Export) -> None:
        """An export was read, after all that was observed before."""
        if self.last is not None:
            _compare(self.last, export, self.findings)
        self.last = export
        if self.cancel_confirmed and export.state != Export.CANCELLED:
            self.findings.add(Violation.UNEXPECTED, export.id, f"was cancelled and is {_state(export)}")


def _compare(before: Export, after: Export, findings: Findings) -> None:
    if after.version < before.version:
        back = f"version went from {before.version} ({_state(before)}) to {after.version} ({_state(after)})"
        findings.add(Violation.UNEXPECTED, after.id, back)
    if before.done and (after.state, after.run) != (before.state, before.run):
        findings.add(Violation.UNEXPECTED, after.id, f"was {_state(before)} for good and is {_state(after)}")
    if before.state == after.state == Export.COMPLETED and before.file.id != after.file.id:
        findings.add(Violation.DOUBLED, after.id, f"completed twice: files {before.file.id} and {after.file.id}")


def _state(export: Export) -> str:
    return Export.State.Name(export.state)
