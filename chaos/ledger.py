"""What callers were told, and what contradicts it."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from chaos.plan import Story
from exportd_client import Export


class Wrong(Enum):
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

    wrong: Wrong
    export_id: str
    what: str


class Findings:
    """Everything that is wrong."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def add(self, wrong: Wrong, export_id: str, what: str) -> None:
        """Note something, once."""
        finding = Finding(wrong, export_id, what)
        if finding not in self.all:
            self.all.append(finding)

    def count(self) -> dict[str, int]:
        """How many of each kind, 0 included."""
        counter = Counter(finding.wrong for finding in self.all)
        return {wrong.value: counter[wrong] for wrong in Wrong}


@dataclass
class Account:
    """What the callers of one story were told. `request_id` is that of the story.

    `ids` are those that creates answered with; `cancelled` and `deleted` say that the service confirmed it. What
    `asked_cancel` and `asked_delete` say may have been done, even when no answer came.
    """

    request_id: str
    story: Story
    findings: Findings
    callback: str = ""
    ids: set[str] = field(default_factory=set)
    asked_cancel: bool = False
    cancelled: bool = False
    asked_delete: bool = False
    deleted: bool = False
    last: Export | None = None

    @property
    def id(self) -> str:
        """Of the export; empty while no create was answered."""
        return min(self.ids, default="")

    def created(self, export: Export) -> None:
        """A create was answered."""
        self.ids.add(export.id)
        if len(self.ids) > 1:
            self.findings.add(Wrong.LOST, self.id, f"request_id {self.request_id} made {sorted(self.ids)}")

    def observe(self, export: Export) -> None:
        """An export was read, after all that was observed before."""
        if self.last is not None:
            _compare(self.last, export, self.findings)
        self.last = export
        if self.cancelled and export.state != Export.CANCELLED:
            self.findings.add(Wrong.UNEXPECTED, export.id, f"was cancelled and is {_state(export)}")


def _compare(before: Export, after: Export, findings: Findings) -> None:
    if after.version < before.version:
        back = f"version went from {before.version} ({_state(before)}) to {after.version} ({_state(after)})"
        findings.add(Wrong.UNEXPECTED, after.id, back)
    if before.done and (after.state, after.run) != (before.state, before.run):
        findings.add(Wrong.UNEXPECTED, after.id, f"was {_state(before)} for good and is {_state(after)}")
    if before.state == after.state == Export.COMPLETED and before.file.id != after.file.id:
        findings.add(Wrong.DOUBLED, after.id, f"completed twice: files {before.file.id} and {after.file.id}")


def _state(export: Export) -> str:
    return Export.State.Name(export.state)
