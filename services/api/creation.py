"""From a caller's request to a new export: everything that can be known to be wrong is refused here, all at once."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.api.catalog.model import Catalog
from services.api.catalog.resolve import Resolved, resolve
from services.api.domain.export import Export, Options
from services.api.domain.states import State
from services.api.ports import RequestMark
from services.contract.errors import InvalidRequest, Violation
from services.contract.formats import Format

DEFAULT_ATTEMPTS = 3
MAX_ATTEMPTS = 10
DEFAULT_TTL = timedelta(days=7)
TTL_RANGE = (timedelta(minutes=1), timedelta(days=90))
MAX_LABELS = 64
MAX_LABEL_BYTES = 256
MAX_FILENAME = 200

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_LABEL_KEY = re.compile(r"[a-z0-9_.-]{1,64}")
_NOT_IN_FILENAME = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What a caller asks for. Of `uri` and `type` the one that was given is not None; `format` None is the default.

    `body` is the request in a deterministic form without its request_id: two requests are the same when it is the same.
    `violations` are those that decoding found already.
    """

    uri: str | None = None
    type: str | None = None
    query: str = ""
    format: Format | None = None
    file_types: tuple[str, ...] = ()
    request_id: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    max_attempts: int = 0
    ttl: timedelta | None = None
    filename: str = ""
    body: bytes = b""
    violations: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A new export, what to build, and how to recognise its request."""

    export: Export
    resolved: Resolved
    mark: RequestMark | None


def plan(
    request: CreateRequest, *, tenant: str, catalog: Catalog, key: bytes, now: datetime, new_id: Callable[[], str]
) -> Plan:
    """Check the request and make its export, QUEUED. Raises CollectionNotFound, and InvalidRequest with everything."""
    violations = [*request.violations, *_violations(request)]
    resolved = None
    try:
        resolved = resolve(
            catalog,
            uri=request.uri,
            type_=request.type,
            query=request.query,
            format_=request.format,
            file_types=request.file_types,
        )
    except InvalidRequest as refused:
        violations += refused.violations
    if violations or resolved is None:
        raise InvalidRequest(tuple(violations))
    return Plan(_export(request, resolved, tenant, now, new_id()), resolved, _mark(request, key))


def _export(request: CreateRequest, resolved: Resolved, tenant: str, now: datetime, export_id: str) -> Export:
    spec = resolved.spec
    options = Options(
        query=spec.query,
        columns=spec.columns,
        packaging=spec.packaging,
        time_zone=spec.table.time_zone,
        ttl=request.ttl or DEFAULT_TTL,
        filename=request.filename,
    )
    return Export(
        id=export_id,
        tenant=tenant,
        uri=request.uri or "",
        type=spec.collection,
        format=spec.table.format,
        file_types=request.file_types,
        labels=request.labels,
        options=options,
        warnings=resolved.warnings,
        state=State.QUEUED,
        version=1,
        run=1,
        attempt=0,
        max_attempts=request.max_attempts or DEFAULT_ATTEMPTS,
        cancel_reason=None,
        next_attempt_time=None,
        create_time=now,
        update_time=now,
        start_time=None,
        end_time=None,
        duration=None,
    )


def _mark(request: CreateRequest, key: bytes) -> RequestMark | None:
    """Keyed, since a plain hash would let whoever reads the database guess what is secret in the body."""
    if not request.request_id:
        return None
    return RequestMark(request.request_id, hmac.new(key, request.body, hashlib.sha256).digest())


def _violations(request: CreateRequest) -> Iterator[Violation]:
    if request.request_id and not _REQUEST_ID.fullmatch(request.request_id):
        yield Violation("request_id", "must be 1 to 128 visible ASCII characters")
    if not 0 <= request.max_attempts <= MAX_ATTEMPTS:
        yield Violation("max_attempts", f"must be 1 to {MAX_ATTEMPTS}, or 0 for {DEFAULT_ATTEMPTS}")
    if request.ttl is not None and not TTL_RANGE[0] <= request.ttl <= TTL_RANGE[1]:
        yield Violation("ttl", "must be from 60 s to 7776000 s (90 days)")
    if len(request.filename) > MAX_FILENAME or _NOT_IN_FILENAME.search(request.filename):
        yield Violation(
            "filename", f'must be at most {MAX_FILENAME} characters without control characters or <>:"/\\|?*'
        )
    elif request.filename and request.filename.strip(". ") == "":
        yield Violation("filename", "must be more than dots and spaces")
    yield from _label_violations(request.labels)


def _label_violations(labels: dict[str, str]) -> Iterator[Violation]:
    if len(labels) > MAX_LABELS:
        yield Violation("labels", f"must be at most {MAX_LABELS}, not {len(labels)}")
    for name, value in labels.items():
        if not _LABEL_KEY.fullmatch(name):
            yield Violation(f"labels[{name[:64]}]", "a key must be 1 to 64 characters of a-z, 0-9, _, - and .")
        if len(value.encode()) > MAX_LABEL_BYTES:
            yield Violation(f"labels[{name[:64]}]", f"a value must be at most {MAX_LABEL_BYTES} bytes")
