"""All reasons for which a call can be refused, as a tree ordered by what the caller should do.

The reason is for programs; it is a name of proto/exportd/v1/error_reason.proto. The message and the metadata are both
made from the fields.
"""

from dataclasses import dataclass, fields
from typing import ClassVar


class ExportdError(Exception):
    """A refusal with a reason and, for the documentation, a remedy.

    Subclasses are dataclasses; their fields are the metadata. They are not frozen, because Python sets the traceback of
    an exception.
    """

    reason: ClassVar[str]
    remedy: ClassVar[str]
    template: ClassVar[str]

    @property
    def metadata(self) -> dict[str, str]:
        """The fields as text, without empty ones."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {name: str(value) for name, value in named.items() if isinstance(value, (str, int)) and value != ""}

    def __str__(self) -> str:
        return self.template.format(**{f.name: getattr(self, f.name) for f in fields(self)})  # type: ignore[arg-type]


class MendRequest(ExportdError):
    """The request is wrong. The same request will be refused again."""


class NotFound(ExportdError):
    """Something that the request names does not exist for this tenant."""


class NotAllowed(ExportdError):
    """The credentials do not allow the call. Others may."""


class WrongState(ExportdError):
    """The request is valid, but the object that it names is not in a state for it."""


class Fenced(WrongState):
    """The worker's lease is no longer in force. The worker must stop and drop its work."""


class TryAgain(ExportdError):
    """Nothing was done. The same request may succeed after `retry_after_s` seconds."""

    delay_s: ClassVar[float] = 1.0

    @property
    def retry_after_s(self) -> float:
        """When to try again."""
        return self.delay_s


class Broken(ExportdError):
    """Something inside exportd is damaged. The operator must look into it."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a request breaks: the field as a path ("uri", "labels[x]"), and how to fix it."""

    field: str
    description: str


@dataclass(unsafe_hash=True)
class InvalidRequest(MendRequest):
    """A request with at least one violation. All violations that were found are reported together."""

    reason = "INVALID_REQUEST"
    remedy = "fix the fields named in the violations"
    violations: tuple[Violation, ...]

    @property
    def metadata(self) -> dict[str, str]:
        """The number of violations. A response may contain only the first ones."""
        return {"violation_count": str(len(self.violations))}

    def __str__(self) -> str:
        named = "; ".join(f"{v.field}: {v.description}"[:200] for v in self.violations[:3])
        return named if len(self.violations) <= 3 else f"{named}; and {len(self.violations) - 3} more"  # noqa: PLR2004


@dataclass(unsafe_hash=True)
class RequestIdReused(MendRequest):
    reason = "REQUEST_ID_REUSED"
    remedy = "choose a new request_id"
    template = "request_id {request_id} was used for another request within 24 h; choose a new one"
    request_id: str


@dataclass(unsafe_hash=True)
class OffsetOutOfRange(MendRequest):
    reason = "OFFSET_OUT_OF_RANGE"
    remedy = "request a part of the file"
    template = "offset {offset} is beyond the file, which has {size_bytes} bytes"
    offset: int
    size_bytes: int


@dataclass(unsafe_hash=True)
class ExportNotFound(NotFound):
    reason = "EXPORT_NOT_FOUND"
    remedy = "check the id and the tenant"
    template = "there is no export {export_id}"
    export_id: str


@dataclass(unsafe_hash=True)
class FileNotFound(NotFound):
    reason = "FILE_NOT_FOUND"
    remedy = "check the id and the tenant"
    template = "there is no file {file_id}"
    file_id: str


@dataclass(unsafe_hash=True)
class CollectionNotFound(NotFound):
    """`nearest` is the known name closest to `collection`; empty when none is close."""

    reason = "COLLECTION_NOT_FOUND"
    remedy = "use the nearest name, or call ListCollections"
    collection: str
    nearest: str = ""

    def __str__(self) -> str:
        hint = f"did you mean {self.nearest}?" if self.nearest else "ListCollections lists them all"
        return f"there is no collection {self.collection}; {hint}"


@dataclass(unsafe_hash=True)
class ExportDeleted(NotFound):
    reason = "EXPORT_DELETED"
    remedy = "choose a new request_id"
    template = "the export {export_id} of this request_id has been deleted; choose a new request_id"
    export_id: str


@dataclass(unsafe_hash=True)
class IllegalTransition(WrongState):
    reason = "ILLEGAL_TRANSITION"
    remedy = "check the state"
    template = "cannot {verb} export {export_id}: it is {state}{because}"
    export_id: str
    state: str
    verb: str
    because: str = ""


@dataclass(unsafe_hash=True)
class NotQueued(WrongState):
    reason = "NOT_QUEUED"
    remedy = "cancel without only_if_queued"
    template = "export {export_id} is {state}: a worker has picked it up; cancel it without only_if_queued"
    export_id: str
    state: str


@dataclass(unsafe_hash=True)
class ExportNotReady(WrongState):
    reason = "EXPORT_NOT_READY"
    remedy = "watch it until it is done"
    template = "export {export_id} is {state}: there is no file yet; watch it until it is done"
    export_id: str
    state: str


@dataclass(unsafe_hash=True)
class ExportCancelled(WrongState):
    reason = "EXPORT_CANCELLED"
    remedy = "create the export again"
    template = "export {export_id} is CANCELLED: it has no file and will have none"
    export_id: str


@dataclass(unsafe_hash=True)
class FileExpired(WrongState):
    reason = "FILE_EXPIRED"
    remedy = "create the export again"
    template = "file {file_id} has expired; create the export again"
    file_id: str


@dataclass(unsafe_hash=True)
class DownloadUrlUnsupported(WrongState):
    reason = "DOWNLOAD_URL_UNSUPPORTED"
    remedy = "use DownloadFile"
    template = "there is no URL for file {file_id}: this service's artifact store signs none; use DownloadFile"
    file_id: str


@dataclass(unsafe_hash=True)
class PasswordRequired(WrongState):
    reason = "PASSWORD_REQUIRED"
    remedy = "give the password of the encrypted export again"
    template = "export {export_id} is encrypted, and its password has been erased; give the password again"
    export_id: str


@dataclass(unsafe_hash=True)
class DeliveryNotFound(NotFound):
    reason = "DELIVERY_NOT_FOUND"
    remedy = "check the id and the tenant"
    template = "there is no delivery {delivery_id}"
    delivery_id: str


@dataclass(unsafe_hash=True)
class LinkNotFound(NotFound):
    reason = "LINK_NOT_FOUND"
    remedy = "ask whoever sent the link for another one; ListDownloadLinks shows why it ended"
    template = "there is no such link, or it is not valid any more"


@dataclass(unsafe_hash=True)
class KeyNotFound(NotFound):
    reason = "KEY_NOT_FOUND"
    remedy = "check the id; ListKeys lists the keys"
    template = "there is no key {key_id}"
    key_id: str


@dataclass(unsafe_hash=True)
class BadCredentials(NotAllowed):
    """`why` reveals nothing that the caller does not know."""

    reason = "BAD_CREDENTIALS"
    remedy = "send one valid key, as `x-api-key` or as `authorization: Bearer`; workers send their token"
    template = "{why}"
    why: str


@dataclass(unsafe_hash=True)
class TokenInvalid(NotAllowed):
    """A token that proves nothing. `why` reveals nothing that the caller does not know."""

    reason = "TOKEN_INVALID"
    remedy = "get a new token from the provider that the operator names"
    template = "the token cannot be used: {why}"
    why: str


@dataclass(unsafe_hash=True)
class TokenExpired(NotAllowed):
    reason = "TOKEN_EXPIRED"
    remedy = "get a new token, and call again"
    template = "the token has expired; get a new one"


@dataclass(unsafe_hash=True)
class TokenNotYetValid(NotAllowed):
    reason = "TOKEN_NOT_YET_VALID"
    remedy = "compare the clocks of the provider and of the api"
    template = "the token is not valid yet; the clocks of the provider and of this service may differ"


@dataclass(unsafe_hash=True)
class TokenWrongIssuer(NotAllowed):
    reason = "TOKEN_WRONG_ISSUER"
    remedy = "get a token from the provider that the operator names"
    template = "the token is of another issuer than the provider of this service"


@dataclass(unsafe_hash=True)
class TokenWrongAudience(NotAllowed):
    reason = "TOKEN_WRONG_AUDIENCE"
    remedy = "ask the provider for a token for this service"
    template = "the token is for another audience than this service"


@dataclass(unsafe_hash=True)
class TokenClaimUnusable(NotAllowed):
    """A valid token that does not say in whose name it calls, or for what. `why` follows the name of the claim."""

    reason = "TOKEN_CLAIM_UNUSABLE"
    remedy = "have the provider put the claim into the token, as the operator's settings expect it"
    template = "the claim {claim} of the token {why}"
    claim: str
    why: str


@dataclass(unsafe_hash=True)
class ProviderUnavailable(TryAgain):
    """The token cannot be checked.

    The keys of the provider are not known, have not been read for too long, or may not be read again yet.
    """

    reason = "PROVIDER_UNAVAILABLE"
    remedy = "try again; the operator may look at `exportd-api doctor`"
    template = "the keys of the identity provider are not known, or not this one; try again in {wait_s} s"
    wait_s: int = 5

    @property
    def retry_after_s(self) -> float:
        """When to try again."""
        return float(min(self.wait_s, MAX_WAIT_S))


@dataclass(unsafe_hash=True)
class ScopeMissing(NotAllowed):
    reason = "SCOPE_MISSING"
    remedy = "use a key with this scope"
    template = "this call needs a key with the scope {scope}"
    scope: str


@dataclass(unsafe_hash=True)
class WorkerForbidden(NotAllowed):
    reason = "WORKER_FORBIDDEN"
    remedy = "give each worker its own id and credentials"
    template = "worker {worker_id} was registered with other credentials"
    worker_id: str


@dataclass(unsafe_hash=True)
class WorkerNotFound(NotFound):
    reason = "WORKER_NOT_FOUND"
    remedy = "check the id; ListWorkers lists the workers"
    template = "no worker {worker_id} has reported in the last minute; ListWorkers lists those that have"
    worker_id: str


@dataclass(unsafe_hash=True)
class LeaseLost(Fenced):
    reason = "LEASE_LOST"
    remedy = "discard the work"
    template = "export {export_id} has another lease, or none; discard the work"
    export_id: str


@dataclass(unsafe_hash=True)
class JobCancelled(Fenced):
    reason = "JOB_CANCELLED"
    remedy = "discard the work"
    template = "export {export_id} was cancelled; discard the work"
    export_id: str


@dataclass(unsafe_hash=True)
class RowsMissing(WrongState):
    reason = "ROWS_MISSING"
    remedy = "fail the attempt"
    template = "{rows_matched} rows matched and {rows_written} were written; fail the attempt"
    rows_matched: int
    rows_written: int


@dataclass(unsafe_hash=True)
class StoreMismatch(WrongState):
    reason = "STORE_MISMATCH"
    remedy = "set the same EXPORTD_ARTIFACTS for both services"
    template = "the api found {found} instead of {expected}; set the same EXPORTD_ARTIFACTS for both services"
    expected: str
    found: str


@dataclass(unsafe_hash=True)
class FileChanged(WrongState):
    reason = "FILE_CHANGED"
    remedy = "download from the start"
    template = "file {file_id} has the sha256 {sha256}, not the one in if_sha256; start again at offset 0"
    file_id: str
    sha256: str


@dataclass(unsafe_hash=True)
class TooManyStreams(TryAgain):
    reason = "TOO_MANY_STREAMS"
    remedy = "try again after the given delay"
    template = "this process serves {limit} {kind} streams already; try again"
    kind: str
    limit: int


@dataclass(unsafe_hash=True)
class TooManyLinkTries(TryAgain):
    reason = "TOO_MANY_LINK_TRIES"
    remedy = "try again after the given delay; if it persists, somebody is guessing links"
    template = "too many unknown links are tried here; try again"


MAX_WAIT_S = 7 * 86400
"""No quota is counted for longer."""


@dataclass(unsafe_hash=True)
class QuotaExceeded(TryAgain):
    """A tenant has used `used` of `limit`. `wait_s` 0: waiting alone does not help, or nobody knows how long."""

    reason = "QUOTA_EXCEEDED"
    remedy = "wait as long as it says, delete files, or ask for a higher quota"
    template = "the quota {quota} is used up: {used} of {limit}"
    quota: str
    used: int
    limit: int
    wait_s: int = 0

    @property
    def retry_after_s(self) -> float:
        """When to try again; 0 if nobody knows."""
        return float(min(self.wait_s, MAX_WAIT_S))


@dataclass(unsafe_hash=True)
class ReaderStalled(TryAgain):
    reason = "READER_STALLED"
    remedy = "resume the download at the byte where it stopped"
    template = "nothing was read for {seconds} s; resume the download at the byte where it stopped"
    seconds: int


@dataclass(unsafe_hash=True)
class ShuttingDown(TryAgain):
    reason = "SHUTTING_DOWN"
    remedy = "try again"
    template = "this process is stopping; try again"


@dataclass(unsafe_hash=True)
class StoreUnavailable(TryAgain):
    reason = "STORE_UNAVAILABLE"
    remedy = "try again; nothing was acknowledged"
    template = "the store did not accept the write, and nothing was acknowledged; try again"


@dataclass(unsafe_hash=True)
class Overloaded(TryAgain):
    reason = "OVERLOADED"
    remedy = "try again after the given delay"
    template = "this process is short of file descriptors, memory or threads; try again"


@dataclass(unsafe_hash=True)
class NoWorker(TryAgain):
    reason = "NO_WORKER"
    remedy = "try again when a worker is free, or create the export"
    template = "no worker is free to read the rows; try again, or create the export"


@dataclass(unsafe_hash=True)
class PreviewFailed(WrongState):
    """`failure` is the code that an attempt would fail with. `message` describes the failure for callers."""

    reason = "PREVIEW_FAILED"
    remedy = "see the failure code in the message; after PREVIEW_TIMEOUT create the export"
    template = "the rows cannot be read: {message} ({failure})"
    failure: str
    message: str


@dataclass(unsafe_hash=True)
class FileDamaged(Broken):
    reason = "FILE_DAMAGED"
    remedy = "create the export again, and tell the operator"
    template = "the bytes of file {file_id} are gone or damaged; create the export again and tell the operator"
    file_id: str


@dataclass(unsafe_hash=True)
class Internal(Broken):
    """`reference` is the request id under which the log has the details."""

    reason = "INTERNAL"
    remedy = "give the operator the reference"
    template = "internal error, reference {reference}"
    reference: str
