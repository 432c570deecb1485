"""What callers were told: by answers, by announcements, by previews. Whether it is true is for the checks to say."""

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum

from chaos.findings import Findings, Violation
from chaos.plan import PreviewQuestion, Scenario
from exportd_client import Export, name_of


@dataclass
class Account:
    """What the callers of one scenario were told. `request_id` is that of the scenario.

    `ids` are those that creates answered with; `cancel_confirmed` and `delete_confirmed` say that the service confirmed
    it. What `cancel_requested` and `delete_requested` say may have been done, even when no answer came; so may each of
    `retry_requests`, those of an operator, of which `retries_confirmed` were. `ends` has the end of each run that was
    observed.
    """

    request_id: str
    scenario: Scenario
    findings: Findings
    callback_url: str = ""
    notify_email: str = ""
    ids: set[str] = field(default_factory=set)
    cancel_requested: bool = False
    cancel_confirmed: bool = False
    delete_requested: bool = False
    delete_confirmed: bool = False
    retry_requests: int = 0
    retries_confirmed: int = 0
    last: Export | None = None
    ends: dict[int, Export] = field(default_factory=dict)

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
            self._compare(self.last, export)
        self.last = export
        if export.done:
            self.ends[export.run] = export
        if self.cancel_confirmed and export.state != Export.STATE_CANCELLED:
            self.findings.add(Violation.UNEXPECTED, export.id, f"was cancelled and is {_state(export)}")
        if not 1 <= export.run <= 1 + self.retry_requests:
            self.findings.add(Violation.BAD_RETRY, export.id, f"run {export.run} after {self.retry_requests} retries")

    def _compare(self, before: Export, after: Export) -> None:
        if after.version < before.version:
            back = f"version went from {before.version} ({_state(before)}) to {after.version} ({_state(after)})"
            self.findings.add(Violation.UNEXPECTED, after.id, back)
        if before.done and (after.state, after.run) != (before.state, before.run) and not _retried(before, after):
            undone = f"was {_state(before)} for good and is {_state(after)}"
            self.findings.add(Violation.UNEXPECTED, after.id, undone)
        if before.state == after.state == Export.STATE_COMPLETED and before.file.id != after.file.id:
            twice = f"completed twice: files {before.file.id} and {after.file.id}"
            self.findings.add(Violation.DOUBLED, after.id, twice)


class Channel(Enum):
    """Where an end is announced; the value is its name in a Delivery."""

    CALLBACK = "CALLBACK"
    EMAIL = "EMAIL"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One that its receiver accepted. `id` is that of the delivery, `recipient` the address that it came to.

    `errors` are the messages of the attempts that failed; `file_name` and `file_size_bytes` are None without a file;
    `duration_ms` is None where only a rounded one is announced.
    """

    channel: Channel
    id: str
    recipient: str
    export_id: str
    type: str
    status: str
    success: bool
    errors: tuple[str, ...]
    file_name: str | None
    file_size_bytes: int | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class PreviewRecord:
    """A preview and its outcome: `rows` as they were answered, or None with the reason of the `refusal`.

    `rows_total` 0: it was not known. `under_fire` is false for one that was asked for when everything was healed.
    """

    question: PreviewQuestion
    under_fire: bool
    rows: tuple[str, ...] | None = None
    rows_total: int = 0
    refusal: str = ""


class Ledger:
    """Everything that was told, `announcements` by the request_id of the scenario."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.announcements: dict[str, list[Announcement]] = defaultdict(list)
        self.previews: list[PreviewRecord] = []

    @property
    def acknowledged(self) -> list[Account]:
        """Those whose create was answered."""
        return [account for account in self.accounts if account.id]


def _retried(before: Export, after: Export) -> bool:
    """An operator began a new run of an export that had failed permanently."""
    failed = before.state == Export.STATE_CANCELLED and before.cancel_reason != Export.CANCEL_REASON_REQUESTED
    return failed and after.run > before.run


def _state(export: Export) -> str:
    return name_of(Export.State, export.state)
