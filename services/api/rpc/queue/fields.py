"""What each field of the workers' messages may contain: one rule per field, in one table.

The queue port is a trust boundary.

A test fails if a field has no rule. Texts for people are cut; all other mistakes are refused together.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from exportd.v1 import export_pb2
from services.contract.capabilities import MAX_CAPABILITIES, MAX_CAPABILITY_CHARACTERS
from services.contract.errors import InvalidRequest, Violation
from services.contract.store import is_key
from services.runtime.nearest import shown

MAX_LEASES = 256
MAX_COMPLETED_JOBS = 16
"""Completions in one call. Their warnings and entries together fit into a message."""

MAX_LISTED = 100
MAX_PREVIEW_BYTES = 3 << 20
"""The most bytes of all rows and warnings of a preview.

A caller's client accepts them in one message, with room for the columns.
"""

MAX_WARNINGS_BYTES = 64 << 10
MAX_CODE_CHARACTERS = 64
MAX_MESSAGE_CHARACTERS = 1000
MAX_NAME_BYTES = 255
MAX_SLOTS = 1 << 20
MAX_INT64 = 2**63 - 1
MAX_SPAN_S = 315_576_000_000
"""The longest Duration: ten thousand years."""

MAX_VIOLATIONS = 10

UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UUID_OR_NONE = re.compile(f"({UUID_FORM.pattern})?")
_NAME = re.compile(r"[A-Za-z0-9_.~%/-]+")
_LEASE = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GMAC_OR_NONE = re.compile(r"([0-9a-f]{32})?")
_CODE = re.compile(r"[A-Z][A-Z0-9_]*")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}/[a-z0-9][a-z0-9.+-]{0,126}")
_EXTENSION = re.compile(r"[a-z0-9]{1,16}(\.[a-z0-9]{1,16})?")

Check = Callable[[Any], str]
"""Returns why a value is refused; empty if it is accepted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of one field.

    A list has at least `least` and at most `most` entries, each of which is checked, unless it is checked `apart`, so
    that a mistake in one does not refuse the others. `cut` is the number of characters that are kept of a text.
    """

    check: Check
    most: int = MAX_LISTED
    cut: int = 0
    least: int = 0
    apart: bool = False


def _of(form: re.Pattern[str], what: str, most: int = 256) -> Rule:
    return Rule(lambda text: "" if len(text) <= most and form.fullmatch(text) else f"must be {what}")


def _from(least: int, most: int = MAX_INT64) -> Rule:
    bound = "must not be negative" if most == MAX_INT64 and least == 0 else f"must be {least} to {most}"
    return Rule(lambda number: "" if least <= number <= most else bound)


def _one_of(values: Any) -> Rule:
    known = {number: name for name, number in values.items() if number}
    return Rule(lambda number: "" if number in known else f"must be one of {', '.join(known.values())}")


def _span(span: Duration) -> str:
    sound = 0 <= span.seconds <= MAX_SPAN_S and 0 <= span.nanos < 10**9
    return "" if sound else f"must be 0 to {MAX_SPAN_S} s"


def _moment(moment: Timestamp) -> str:
    try:
        moment.ToDatetime()
    except (ValueError, OverflowError):
        return "is not a time between the years 1 and 9999"
    return ""


def _entry_name(name: str) -> str:
    steps = name.split("/")
    sound = len(name.encode()) <= MAX_NAME_BYTES and name.isprintable() and "\\" not in name
    return "" if sound and all(step not in ("", ".", "..") for step in steps) else "must be a path inside of a ZIP"


def _is_object(row: str) -> str:
    try:
        sound = isinstance(json.loads(row, parse_constant=_refused, parse_int=str, parse_float=str), dict)
    except (ValueError, RecursionError):
        sound = False
    return "" if sound else "must be a JSON object"


def _refused(constant: str) -> None:
    raise ValueError(constant)


_ANY = Rule(lambda _: "")
_SOURCE = Rule(lambda id_: "" if len(id_.encode()) <= MAX_NAME_BYTES else f"must be at most {MAX_NAME_BYTES} bytes")
_CAPABILITY = Rule(
    lambda name: "" if len(name) <= MAX_CAPABILITY_CHARACTERS and _NAME.fullmatch(name) else "must be a capability",
    most=MAX_CAPABILITIES,
)
_UUID = _of(UUID_FORM, "a UUID in lower case")
_LEASE_ID = _of(_LEASE, "32 hexadecimal digits in lower case")
_CODE_RULE = _of(_CODE, f"capital letters, digits and _, at most {MAX_CODE_CHARACTERS}", MAX_CODE_CHARACTERS)
_PEOPLE = Rule(lambda _: "", cut=MAX_MESSAGE_CHARACTERS)
_COUNT = _from(0)
_SPAN = Rule(_span)
_MANY_LEASES = Rule(lambda _: "", most=MAX_LEASES)

RULES: Mapping[str, Rule] = {
    "LeaseJobsRequest.worker_id": _UUID,
    "LeaseJobsRequest.poll_id": _UUID,
    "LeaseJobsRequest.max_jobs": _from(1, MAX_LEASES),
    "LeaseJobsRequest.wait": _SPAN,
    "LeaseJobsRequest.capabilities": _ANY,
    "Capabilities.names": _CAPABILITY,
    "Capabilities.store_id": _of(UUID_OR_NONE, "a UUID in lower case, or empty"),
    "HeartbeatRequest.worker_id": _UUID,
    "HeartbeatRequest.leases": _MANY_LEASES,
    "HeartbeatRequest.free_slots": _from(0, MAX_SLOTS),
    "HeartbeatRequest.draining": _ANY,
    "HeartbeatRequest.problems": _ANY,
    "WorkerProblem.code": _CODE_RULE,
    "WorkerProblem.source_id": _SOURCE,
    "WorkerProblem.age": _SPAN,
    "LeaseReport.export_id": _UUID,
    "LeaseReport.lease_id": _LEASE_ID,
    "LeaseReport.progress": _ANY,
    "Progress.phase": _one_of(export_pb2.Progress.Phase),
    "Progress.rows_written": _COUNT,
    "Progress.rows_total": _COUNT,
    "Progress.bytes_written": _COUNT,
    "Progress.eta": _SPAN,
    "WatchDirectivesRequest.worker_id": _UUID,
    "CompleteJobRequest.export_id": _UUID,
    "CompleteJobRequest.lease_id": _LEASE_ID,
    "CompleteJobRequest.artifact": _ANY,
    "CompleteJobRequest.stats": _ANY,
    "CompleteJobRequest.attachments_artifact": _ANY,
    "CompleteJobRequest.traceparent": _ANY,
    "CompleteJobsRequest.worker_id": _UUID,
    "CompleteJobsRequest.jobs": Rule(lambda _: "", least=1, most=MAX_COMPLETED_JOBS, apart=True),
    "CompleteJobsRequest.next": _ANY,
    "NextPoll.poll_id": _UUID,
    "NextPoll.max_jobs": _from(1, MAX_LEASES),
    "NextPoll.capabilities": _ANY,
    "Artifact.key": Rule(lambda key: "" if is_key(key) else "must be {export_id}/{lease_id}/{name}"),
    "Artifact.size_bytes": _COUNT,
    "Artifact.sha256": _of(_SHA256, "64 lower-case hexadecimal digits"),
    "Artifact.gmac": _of(_GMAC_OR_NONE, "32 lower-case hexadecimal digits, or empty"),
    "Artifact.media_type": _of(_MEDIA_TYPE, "a media type such as text/csv"),
    "Artifact.extension": _of(_EXTENSION, "an extension such as csv or csv.gz"),
    "Artifact.entries": _ANY,
    "Artifact.entry_count": _COUNT,
    "Artifact.encrypted": _ANY,
    "Entry.name": Rule(_entry_name),
    "Entry.size_bytes": _COUNT,
    "RunStats.rows_matched": _COUNT,
    "RunStats.matched_by": _one_of(export_pb2.MatchedBy),
    "RunStats.rows_written": _COUNT,
    "RunStats.consistency": _one_of(export_pb2.Consistency),
    "RunStats.as_of": Rule(_moment),
    "RunStats.warnings": _ANY,
    "Warning.code": _CODE_RULE,
    "Warning.message": _PEOPLE,
    "Warning.count": _from(1),
    "FailJobRequest.export_id": _UUID,
    "FailJobRequest.lease_id": _LEASE_ID,
    "FailJobRequest.failure": _ANY,
    "FailJobRequest.retry_after": _SPAN,
    "Failure.code": _CODE_RULE,
    "Failure.retryable": _ANY,
    "Failure.message": _PEOPLE,
    "ReleaseJobsRequest.worker_id": _UUID,
    "ReleaseJobsRequest.leases": _MANY_LEASES,
    "TakePreviewRequest.worker_id": _UUID,
    "TakePreviewRequest.wait": _SPAN,
    "FinishPreviewRequest.preview_id": _UUID,
    "FinishPreviewRequest.rows": Rule(_is_object),
    "FinishPreviewRequest.rows_total": _COUNT,
    "FinishPreviewRequest.warnings": _ANY,
    "FinishPreviewRequest.failure": _ANY,
}
"""The rules, by message and field."""


def _entries(message: Any) -> str:
    return "must not be less than the entries that are listed" if message.entry_count < len(message.entries) else ""


def _warnings(message: Any) -> str:
    size = sum(len(w.message.encode()) for w in message.warnings)
    return f"must be at most {MAX_WARNINGS_BYTES} bytes together" if size > MAX_WARNINGS_BYTES else ""


def _rows(message: Any) -> str:
    size = sum(len(row.encode()) for row in message.rows) + sum(len(w.message.encode()) for w in message.warnings)
    return f"must be at most {MAX_PREVIEW_BYTES} bytes together" if size > MAX_PREVIEW_BYTES else ""


SUMS: Mapping[str, tuple[str, Check]] = {
    "Artifact": ("entry_count", _entries),
    "RunStats": ("warnings", _warnings),
    "FinishPreviewRequest": ("rows", _rows),
}
"""Conditions on several fields of a message together, with the field that the violation names."""

NEEDED = frozenset({"CompleteJobRequest.artifact", "CompleteJobRequest.stats", "FailJobRequest.failure"})
"""Messages that are required."""

_LEAVES = (Duration, Timestamp)


def check(message: Message) -> None:
    """Cut the texts for people, and raise InvalidRequest if anything else is wrong."""
    violations: list[Violation] = []
    for violation in _wrong(message, ""):
        violations.append(violation)
        if len(violations) == MAX_VIOLATIONS:
            break
    if violations:
        raise InvalidRequest(tuple(violations))


@dataclass(frozen=True, slots=True)
class _Field:
    """What is known about a field of a message type."""

    name: str
    has_presence: bool
    is_repeated: bool
    is_needed: bool
    rule: Rule


@cache
def _fields_of(kind: Any) -> tuple[_Field, ...]:
    """Return the fields of the message type with this descriptor."""
    return tuple(
        _Field(field.name, field.has_presence, field.is_repeated, name in NEEDED, RULES[name])
        for field, name in ((field, f"{kind.name}.{field.name}") for field in kind.fields)
    )


def _wrong(message: Message, path: str) -> Iterator[Violation]:
    kind = message.DESCRIPTOR
    name, together = SUMS.get(kind.name, ("", None))
    if together and (why := together(message)):
        yield Violation(f"{path}{name}", why)
        return  # what is too large is not checked further
    for field in _fields_of(kind):
        yield from _wrong_field(message, field, f"{path}{field.name}")


def _wrong_field(message: Message, field: _Field, path: str) -> Iterator[Violation]:
    if field.has_presence and not message.HasField(field.name):
        if field.is_needed:
            yield Violation(path, "is missing")
        return
    value, rule = getattr(message, field.name), field.rule
    if not field.is_repeated:
        if rule.cut and len(value) > rule.cut:
            setattr(message, field.name, value[: rule.cut])
        yield from _wrong_value(value, rule, path)
    elif len(value) > rule.most:
        yield Violation(path, f"must be at most {rule.most}")
    elif len(value) < rule.least:
        yield Violation(path, f"must be at least {rule.least}")
    elif not rule.apart:
        for place, each in enumerate(value):
            yield from _wrong_value(each, rule, f"{path}[{place}]")


def _wrong_value(value: Any, rule: Rule, path: str) -> Iterator[Violation]:
    if why := rule.check(value):
        yield Violation(path, f"{why}, not {shown(value)}" if isinstance(value, str) else why)
    elif isinstance(value, Message) and not isinstance(value, _LEAVES):
        yield from _wrong(value, f"{path}.")
