"""An export as the api knows it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.api.domain.callbacks import CallbackFormat
from services.api.domain.filter_mode import FilterMode
from services.api.domain.states import TERMINAL, CancelReason, State
from services.contract.capabilities import NOTHING_NEEDED, Requirement
from services.contract.formats import Compression, CsvDialect, Format, Packaging, XlsxLayout
from services.contract.outcome import Artifact, ExportWarning, RunStats
from services.contract.spec import ColumnSpec


@dataclass(frozen=True, slots=True)
class Options:
    """The options of an export, as the api understood the request.

    `filename` is empty if none was asked for. `csv` is set for CSV, `xlsx` for XLSX. `by_changes` is True if the
    `[after]` condition on the changes column in `query` comes from changed_since or since_export rather than from the
    caller's own query. `mail_links` is True if the caller may read the file, so that the mail about it may have links.
    `callback_format` is that of the tenant when the export was created.
    """

    query: str
    columns: tuple[ColumnSpec, ...]
    packaging: Packaging
    time_zone: str
    ttl: timedelta
    filename: str = ""
    csv: CsvDialect | None = None
    xlsx: XlsxLayout | None = None
    compression: Compression = Compression.NONE
    filter_mode: FilterMode = FilterMode.STRICT
    by_changes: bool = False
    mail_links: bool = False
    callback_format: CallbackFormat = CallbackFormat.XDENT


MAX_ERRORS = 50
"""How many errors an export keeps: its last ones."""

MAX_CODE_CHARACTERS = 64
MAX_MESSAGE_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class JobError:
    """How one attempt failed, and in which run. Attempts are counted from 1 over all runs; runs are counted from 1."""

    attempt: int
    code: str
    message: str
    time: datetime
    run: int = 1


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a completed export: an artifact with an id, a name and a time when it expires."""

    id: str
    filename: str
    artifact: Artifact
    row_count: int
    create_time: datetime
    expire_time: datetime

    def expired(self, now: datetime) -> bool:
        """Whether the file has expired at `now`. Expiry depends on the clock alone, not on whether a sweep has run."""
        return now >= self.expire_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One export at one version. Times are in UTC; None means that the event has not happened.

    `attempt` counts leases that were not given back, from 0 to `max_attempts`. `file` and `stats` are set in COMPLETED
    only, and so is `attachments_file`, if the attachments are a separate file; its `row_count` is 0. `duration` is that
    of the last attempt that ended; None before the first one ended. `errors` has one entry for each failed attempt of
    every run. If `notify_email` or `callback_url` is empty, nothing is announced on that channel; `email_sent` and
    `callback_sent` say whether the notification of this run's end was accepted there.

    `trace` is the W3C `traceparent` of the call that created it, below which the export's spans are; empty if none was.

    `requirement` is what a worker must have to build the export. `given_back_by` is the worker whose own environment
    failed, while the export waits for another worker; otherwise empty.
    """

    id: str
    tenant: str
    uri: str
    type: str
    format: Format
    file_types: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)
    options: Options
    priority: int = 0
    notify_email: str = ""
    callback_url: str = ""
    encrypted: bool = False
    warnings: tuple[ExportWarning, ...] = ()
    requirement: Requirement = NOTHING_NEEDED
    given_back_by: str = ""
    state: State
    version: int
    run: int
    attempt: int
    max_attempts: int
    cancel_reason: CancelReason | None
    next_attempt_time: datetime | None
    create_time: datetime
    update_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    duration: timedelta | None
    errors: tuple[JobError, ...] = ()
    file: StoredFile | None = None
    attachments_file: StoredFile | None = None
    stats: RunStats | None = None
    email_sent: bool = False
    callback_sent: bool = False
    trace: str = ""

    def file_of(self, file_id: str) -> StoredFile | None:
        """Return the file of this export that has this id; None if there is none."""
        return next((file for file in (self.file, self.attachments_file) if file and file.id == file_id), None)

    @property
    def done(self) -> bool:
        """Whether nothing about the build changes any more."""
        return self.state in TERMINAL
