"""Records what callers were told by answers, notifications and previews. The checks decide whether it is true."""

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum

from chaos.findings import Findings, Violation
from chaos.plan import PreviewQuestion, Scenario
from exportd_client import Export, name_of


@dataclass
class Account:
    """What the callers of one scenario were told. `request_id` is that of the scenario.

    `ids` are the ids that creates returned. `cancel_confirmed` and `delete_confirmed` say that the service confirmed
    these calls. What was requested (`cancel_requested`, `delete_requested`, and each of the operator's
    `retry_requests`) may have been carried out even if no answer arrived; `retries_confirmed` of the retries were
    confirmed. `ends` has the observed end of each run.
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
        """The id of the export; empty as long as no create was answered."""
        return min(self.ids, default="")

    def record_create(self, export: Export) -> None:
        """Record the answer to a create."""
        self.ids.add(export.id)
        if len(self.ids) > 1:
            self.findings.add(Violation.LOST, self.id, f"request_id {self.request_id} made {sorted(self.ids)}")

    def observe(self, export: Export) -> None:
        """Record a state of the export that was read after all those observed before."""
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
    """The channel of a notification. The value is its name in a Delivery."""

    CALLBACK = "CALLBACK"
    EMAIL = "EMAIL"


@dataclass(frozen=True, slots=True)
class Announcement:
    """A notification that its receiver accepted.

    `id` is that of the delivery, `recipient` the address at which it arrived.

    `errors` are the messages of failed attempts. `file_name` and `file_size_bytes` are None without a file.
    `duration_ms` is None if only a rounded duration is announced.
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
    """A preview and its outcome: the answered `rows`, or None and the reason of the `refusal`.

    `rows_total` is 0 if the number is not known. `under_fire` is False for a preview after everything was repaired.
    """

    question: PreviewQuestion
    under_fire: bool
    rows: tuple[str, ...] | None = None
    rows_total: int = 0
    refusal: str = ""


class Ledger:
    """Everything that was told. `announcements` are keyed by the request_id of the scenario."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.announcements: dict[str, list[Announcement]] = defaultdict(list)
        self.previews: list[PreviewRecord] = []

    @property
    def acknowledged(self) -> list[Account]:
        """The accounts whose create was answered."""
        return [account for account in self.accounts if account.id]


def _retried(before: Export, after: Export) -> bool:
    """Whether an operator began a new run of an export that had failed permanently."""
    failed = before.state == Export.STATE_CANCELLED and before.cancel_reason != Export.CANCEL_REASON_REQUESTED
    return failed and after.run > before.run


def _state(export: Export) -> str:
    return name_of(Export.State, export.state)
