"""How an attempt goes and how it ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from services.contract.codes import FailureCode, Retry, UnknownCode, WarningCode


class Phase(Enum):
    """What a worker is doing; it never goes backwards within an attempt."""

    READING = "READING"
    WRITING = "WRITING"
    PACKAGING = "PACKAGING"
    UPLOADING = "UPLOADING"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an attempt has come; `rows_total` 0 and `eta` None mean not known."""

    phase: Phase
    rows_written: int = 0
    rows_total: int = 0
    bytes_written: int = 0
    eta: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ExportWarning:
    """Something worth knowing that does not stop an export; `count` says how often, at least 1."""

    code: WarningCode | UnknownCode
    message: str
    count: int = 1


class MatchedBy(Enum):
    """Who counted the rows that match; never the encoder."""

    COUNT = "COUNT"
    END_OF_STREAM = "END_OF_STREAM"


class Consistency(Enum):
    """What the rows of one file have in common in time."""

    SNAPSHOT = "SNAPSHOT"
    KEYSET = "KEYSET"
    PAGED = "PAGED"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a ZIP, with its size before compression."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """An object in the artifact store. `entries` are the first 100 of `entry_count`; both are empty for a bare file."""

    key: str
    size_bytes: int
    sha256: str
    media_type: str
    extension: str
    entries: tuple[Entry, ...] = ()
    entry_count: int = 0
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class RunStats:
    """The result of building; `as_of` is when the snapshot was taken, None when there is none."""

    rows_matched: int
    matched_by: MatchedBy
    rows_written: int
    consistency: Consistency
    as_of: datetime | None = None
    warnings: tuple[ExportWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """An attempt that made its file; `attachments` is a second one, with packaging SEPARATE."""

    artifact: Artifact
    stats: RunStats
    attachments: Artifact | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that did not. `message` is safe to show to callers; `retry_after` None leaves the delay to the api.

    `source_id` is the source that the worker could not have, where that is what failed; the worker alone knows it.
    Whether another attempt follows is a matter of the code.
    """

    code: FailureCode | UnknownCode
    message: str
    retry_after: timedelta | None = None
    source_id: str = ""

    @property
    def retryable(self) -> bool:
        """Whether another attempt may go well."""
        return self.code.retry is not Retry.NEVER
