"""What must not happen, and where it happened."""

from collections import Counter
from dataclasses import dataclass
from enum import Enum


class Violation(Enum):
    """What must not happen. The value is its name in the report."""

    LOST = "lost"
    DOUBLED = "doubled"
    STALE_ACCEPTED = "stale_accepted"
    STRANDED = "stranded"
    CALLBACK_MISSING = "callbacks_missing"
    CALLBACK_CONTRADICTING = "callbacks_contradicting"
    MAIL_MISSING = "mails_missing"
    MAIL_CONTRADICTING = "mails_contradicting"
    ORPHAN_FILE = "orphan_files"
    BAD_SHA256 = "bad_sha256"
    BAD_SEPARATE = "bad_separate_files"
    BAD_ATTACHMENT = "bad_attachments"
    BAD_ENCRYPTION = "bad_encryption"
    BAD_PREVIEW = "bad_previews"
    BAD_RETRY = "bad_retries"
    UNEXPECTED = "unexpected"
    """Everything else that no fault excuses: a version that decreases, a cancel that is undone, an INTERNAL error."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `export_id` is empty if it concerns no export."""

    violation: Violation
    export_id: str
    what: str


class Findings:
    """All findings of a run."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def add(self, violation: Violation, export_id: str, what: str) -> None:
        """Add a finding, unless it exists already."""
        finding = Finding(violation, export_id, what)
        if finding not in self.all:
            self.all.append(finding)

    def copy(self) -> "Findings":
        """Return the findings until now, to which later ones are not added."""
        findings = Findings()
        findings.all = [*self.all]
        return findings

    def count(self) -> dict[str, int]:
        """Return the number of findings of each kind, including 0."""
        counter = Counter(finding.violation for finding in self.all)
        return {violation.value: counter[violation] for violation in Violation}
