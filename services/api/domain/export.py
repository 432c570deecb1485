"""An export as the api knows it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.api.domain.filter_mode import FilterMode
from services.api.domain.states import TERMINAL, CancelReason, State
from services.contract.capabilities import NOTHING_NEEDED, Requirement
from services.contract.formats import Compression, CsvDialect, Format, Packaging, XlsxLayout
from services.contract.outcome import Artifact, ExportWarning, RunStats
from services.contract.spec import ColumnSpec


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for, as understood.

    `filename` is empty when none was asked for; `csv` is there for CSV, `xlsx` for XLSX. `by_changes`: the
    `[after]` of the column of changes in `query` is that of changed_since or since_export, not the caller's own.
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


MAX_ERRORS = 50
"""An export keeps its last ones."""

MAX_CODE_CHARACTERS = 64
MAX_MESSAGE_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class JobError:
    """How one attempt (from 1, counted over all runs) failed, and in which run (from 1)."""

    attempt: int
    code: str
    message: str
    time: datetime
    run: int = 1


@dataclass(frozen=True, slots=True)
class StoredFile:
    """The file of a completed export: an artifact with an identity, a name and a time to live."""

    id: str
    filename: str
    artifact: Artifact
    row_count: int
    create_time: datetime
    expire_time: datetime

    def expired(self, now: datetime) -> bool:
        """Expiry is decided by the clock at the moment of reading, never by a sweep."""
        return now >= self.expire_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One export at one version. Times are UTC; None means that it has not happened.

    `attempt` counts leases that were not given back, 0 to `max_attempts`. `file` and `stats` are present in COMPLETED
    only, and so is `attachments_file`, when the attachments are a file of their own; its `row_count` is 0. `duration`
    is that of the last attempt that ended, None before the first. `errors` has one entry a failed one, of every run.
    An empty `notify_email` or `callback_url` announces nothing there; `email_sent` and `callback_sent` say whether the
    end of this run was accepted there.

    `requirement` is what building it needs of a worker. `given_back_by` is the worker whose own environment failed,
    while it waits for another one; empty: none.
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

    def file_of(self, file_id: str) -> StoredFile | None:
        """The one of its files with this id."""
        return next((file for file in (self.file, self.attachments_file) if file and file.id == file_id), None)

    @property
    def done(self) -> bool:
        """True when nothing about the build changes any more."""
        return self.state in TERMINAL
