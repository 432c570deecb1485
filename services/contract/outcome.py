"""The progress and the outcome of an attempt."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from services.contract.codes import FailureCode, Retry, UnknownCode, WarningCode


class Phase(Enum):
    """What a worker is doing. Within an attempt the phase never goes back."""

    READING = "READING"
    WRITING = "WRITING"
    PACKAGING = "PACKAGING"
    UPLOADING = "UPLOADING"


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of an attempt. `rows_total` 0 and `eta` None mean that they are not known."""

    phase: Phase
    rows_written: int = 0
    rows_total: int = 0
    bytes_written: int = 0
    eta: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ExportWarning:
    """Something worth knowing that does not stop an export. `count` says how often it occurred, at least 1."""

    code: WarningCode | UnknownCode
    message: str
    count: int = 1


class MatchedBy(Enum):
    """How the matching rows were counted. The encoder never counts them."""

    COUNT = "COUNT"
    END_OF_STREAM = "END_OF_STREAM"


class Consistency(Enum):
    """The moment or moments to which the rows of one file belong."""

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
    """A file in the artifact store.

    `entries` has the first 100 of `entry_count` entries; both are empty unless it is a ZIP. `gmac` is the code that
    `contract.gmac` computes, which nobody keeps; it is empty if the worker did not compute it.
    """

    key: str
    size_bytes: int
    sha256: str
    media_type: str
    extension: str
    entries: tuple[Entry, ...] = ()
    entry_count: int = 0
    encrypted: bool = False
    gmac: str = ""


@dataclass(frozen=True, slots=True)
class RunStats:
    """Statistics of a build. `as_of` is the time of the snapshot; None when there is none."""

    rows_matched: int
    matched_by: MatchedBy
    rows_written: int
    consistency: Consistency
    as_of: datetime | None = None
    warnings: tuple[ExportWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """The outcome of a successful attempt. With packaging SEPARATE, `attachments` is a second file."""

    artifact: Artifact
    stats: RunStats
    attachments: Artifact | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The outcome of a failed attempt.

    `message` may be shown to callers. `retry_after` None leaves the delay to the api. `source_id` is the source that
    the worker could not use, if that was the cause; it stays in the worker. The code decides whether another attempt
    follows.
    """

    code: FailureCode | UnknownCode
    message: str
    retry_after: timedelta | None = None
    source_id: str = ""

    @property
    def retryable(self) -> bool:
        """Whether another attempt may succeed."""
        return self.code.retry is not Retry.NEVER
