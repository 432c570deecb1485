"""Plans the export of a caller's request. All mistakes that can be detected are refused together."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from services.api.catalog.columns import ColumnChoice
from services.api.catalog.live import LiveCatalog
from services.api.catalog.query.since import Since
from services.api.catalog.resolve import Resolved
from services.api.domain.callbacks import CallbackDefaults, CallbackFormat
from services.api.domain.export import Export, Options
from services.api.domain.filenames import wrong_in_name
from services.api.domain.filter_mode import FilterMode
from services.api.domain.states import State
from services.api.ports.exports import RequestMark
from services.api.requests.choices import Choices, options_of
from services.api.requests.outlines import Asked, Outline, Outlines
from services.api.requests.packaging import PackagingChoice
from services.api.requests.resolver import MAX_KNOWN, Question, Resolver
from services.api.requests.table_options import TableChoices
from services.api.requests.watermarks import other_query, since_export
from services.api.secrets.digests import Digests
from services.api.secrets.passwords import Passwords
from services.api.secrets.server_keys import ServerKeys
from services.contract.altered import altered
from services.contract.capabilities import requirement_of
from services.contract.errors import InvalidRequest, Violation
from services.contract.formats import Packaging
from services.contract.identity import MadeOnce
from services.contract.spec import JobSpec
from services.runtime.tracing.context import current_text

DEFAULT_ATTEMPTS = 3
MAX_ATTEMPTS = 10
DEFAULT_TTL = timedelta(days=7)
TTL_RANGE = (timedelta(minutes=1), timedelta(days=90))
MAX_PRIORITY = 9
MAX_LABELS = 64
MAX_LABEL_BYTES = 256
MAX_KNOWN_BYTES = 2048
"""The longest request whose outline is kept."""

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_LABEL_KEY = re.compile(r"[a-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A caller's request. Exactly one of `uri` and `type` is given, the other is None. No `columns` means all columns.

    If `changed_since` is None and `since_export` (the id of an earlier export) is empty, all rows are exported. With
    `validate_only` no export is created. With `any_format` no file is created, so that every collection is accepted.

    `may_read` says whether the caller may read the file, and not only create it.

    `body` is the request in a deterministic form without its request_id: equal requests have equal bodies. It contains
    the password. `violations` are those that were found while the message was decoded.
    """

    uri: str | None = None
    type: str | None = None
    query: str = ""
    filter_mode: FilterMode = FilterMode.STRICT
    changed_since: datetime | None = None
    since_export: str = ""
    validate_only: bool = False
    any_format: bool = False
    table: TableChoices = field(default_factory=TableChoices)
    columns: tuple[ColumnChoice, ...] = ()
    file_types: tuple[str, ...] = ()
    packaging: Packaging = Packaging.AUTO
    password: str = field(default="", repr=False)
    request_id: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    priority: int = 0
    notify_email: str = ""
    callback_url: str = ""
    max_attempts: int = 0
    ttl: timedelta | None = None
    filename: str = ""
    may_read: bool = False
    body: bytes = field(default=b"", repr=False)
    violations: tuple[Violation, ...] = ()

    def identified_by(self, request_id: str) -> "CreateRequest":
        """Return the same request with a request_id, or with none if that is empty."""
        return altered(self, request_id=request_id)


@dataclass(frozen=True, slots=True)
class Plan:
    """A new export, its job specification, its sealed password (None: none), and the mark of its request."""

    export: Export
    spec: JobSpec
    sealed_password: bytes | None = field(repr=False)
    mark: RequestMark | None


class Receivers(Protocol):
    """Knows where and how tenants are notified."""

    def callbacks(self, tenant: str) -> CallbackDefaults:
        """Return what the operator has chosen for the tenant's callbacks."""
        ...

    def violations(self, tenant: str, notify_email: str, callback_url: str) -> Iterable[Violation]:
        """Yield why nothing can be sent to these targets. Empty targets are valid."""
        ...


class Planner:
    """Plans exports."""

    def __init__(
        self,
        catalog: LiveCatalog,
        receivers: Receivers,
        keys: ServerKeys,
        passwords: Passwords,
        new_id: Callable[[], str],
    ) -> None:
        self._catalog = catalog
        self._receivers = receivers
        self._digests = Digests(keys, b"")
        self._passwords = passwords
        self._new_id = new_id
        self._resolver = Resolver()
        self.outlines = Outlines()

    def plan(
        self,
        request: CreateRequest,
        tenant: str,
        now: datetime,
        earlier: Export | None = None,
        collections: frozenset[str] = frozenset(),
    ) -> Plan:
        """Check the request and return its plan, with an export in QUEUED.

        `earlier` is the export that `since_export` names; None if there is none. `collections` are patterns of the
        collections that the caller sees, as in LiveCatalog.seen. Raises CollectionNotFound, and InvalidRequest with all
        violations.
        """
        catalog, callbacks = self._catalog.seen(collections), self._receivers.callbacks(tenant)
        callbacks = replace(callbacks, url=request.callback_url) if request.callback_url else callbacks
        unreachable = [*self._receivers.violations(tenant, request.notify_email, callbacks.url)]
        mark = self.mark(request)
        outline = None
        if (asked := _kept_as(request, tenant, callbacks)) and not unreachable and (mark or not request.request_id):
            outline = self.outlines.find(catalog, asked)
        if outline is None:
            resolve = partial(self._resolver.resolved, catalog)
            outline = _outline(request, tenant, now, earlier, callbacks, unreachable, resolve)
            if asked:
                self.outlines.keep(catalog, asked, outline)
        export = outline.export_of(self._new_id(), now, current_text())
        sealed = self._passwords.sealed(request.password, export.id) if request.password else None
        return Plan(export, outline.spec, sealed, mark)

    def mark(self, request: CreateRequest) -> RequestMark | None:
        """Return the mark that identifies a repeated request, even if the catalog or the settings have changed.

        Return None if the request has no valid request_id. The digest is keyed, because a plain hash would let anybody
        who can read the database guess secrets in the body.
        """
        if not _REQUEST_ID.fullmatch(request.request_id):
            return None
        digest, *earlier = self._digests.each(request.body)
        return RequestMark(request.request_id, digest, tuple(earlier))


@dataclass(frozen=True, slots=True)
class _Inquiry:
    """A request of a tenant, as it is put to the catalog."""

    request: CreateRequest
    tenant: str
    earlier: Export | None
    choice: PackagingChoice
    resolve: Callable[[Question], Resolved]

    def resolved(self, violations: list[Violation]) -> Resolved:
        """Resolve the request with the catalog.

        Raises InvalidRequest with the given violations and those of the catalog.
        """
        since = self._since()
        if isinstance(since, Violation):
            violations.append(since)
        try:
            resolved = self.resolve(self._question(since if isinstance(since, Since) else None))
        except InvalidRequest as refused:
            raise InvalidRequest((*violations, *refused.violations)) from None
        if violations:
            raise InvalidRequest(tuple(violations))
        other = other_query(self.earlier, self.request.uri or "", resolved) if self.earlier else None
        return replace(resolved, warnings=(*resolved.warnings, other)) if other else resolved

    def _since(self) -> Since | Violation | None:
        request = self.request
        if request.changed_since and request.since_export:
            return Violation("since_export", "give either changed_since or since_export")
        if request.since_export:
            return since_export(self.earlier)
        return Since("changed_since", request.changed_since) if request.changed_since else None

    def _question(self, since: Since | None) -> Question:
        request = self.request
        return Question(
            uri=request.uri,
            type=request.type,
            query=request.query,
            format=request.table.format,
            any_format=request.any_format,
            file_types=request.file_types,
            columns=request.columns,
            mode=request.filter_mode,
            since=since,
            tenant=self.tenant,
            table=self.choice.table,
            packaging=self.choice.packaging,
        )


def _kept_as(request: CreateRequest, tenant: str, callbacks: CallbackDefaults) -> Asked | None:
    """Return what the outline of a request is kept under; None if it is not kept.

    That of `since_export` depends on an export, and a password is kept nowhere. A request that was not decoded from a
    message has no body.
    """
    if request.since_export or request.password or not 0 < len(request.body) <= MAX_KNOWN_BYTES:
        return None
    return Asked(request.body, request.may_read, request.any_format, tenant, callbacks)


def _outline(  # noqa: PLR0917 - what it depends on
    request: CreateRequest,
    tenant: str,
    now: datetime,
    earlier: Export | None,
    callbacks: CallbackDefaults,
    unreachable: Iterable[Violation],
    resolve: Callable[[Question], Resolved],
) -> Outline:
    """Check the request. Raises CollectionNotFound, and InvalidRequest with all violations."""
    choice = PackagingChoice(request.packaging, request.table.options, bool(request.file_types), request.password)
    inquiry = _Inquiry(request, tenant, earlier, choice, resolve)
    resolved = inquiry.resolved([*_violations(request), *choice.violations(), *unreachable])
    return Outline(_export(request, resolved, callbacks, tenant=tenant, now=now), resolved.spec)


def _export(
    request: CreateRequest, resolved: Resolved, callbacks: CallbackDefaults, *, tenant: str, now: datetime
) -> Export:
    """Return the export, without its id and the trace of its call."""
    spec = resolved.spec
    return Export(
        id="",
        tenant=tenant,
        uri=request.uri or "",
        type=spec.collection,
        requirement=_requirement_of(spec),
        format=spec.table.format,
        file_types=request.file_types,
        labels=request.labels,
        options=_options(request, spec, callbacks.format),
        priority=request.priority,
        notify_email=request.notify_email,
        callback_url=callbacks.url,
        encrypted=bool(request.password),
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


_requirement_of = MadeOnce(requirement_of, MAX_KNOWN)


def _options(request: CreateRequest, spec: JobSpec, callback_format: CallbackFormat) -> Options:
    """Return the options as requested, with all defaults filled in. AUTO stays AUTO."""
    choices = Choices(
        packaging=request.packaging,
        ttl=request.ttl or DEFAULT_TTL,
        filename=request.filename,
        mode=request.filter_mode,
        by_changes=bool(request.changed_since or request.since_export),
        mail_links=request.may_read and bool(request.notify_email),
        callback_format=callback_format,
    )
    return options_of(spec, choices)


def _violations(request: CreateRequest) -> Iterator[Violation]:
    yield from request.violations
    yield from request.table.violations()
    if request.request_id and not _REQUEST_ID.fullmatch(request.request_id):
        yield Violation("request_id", "must be 1 to 128 visible ASCII characters")
    if not 0 <= request.max_attempts <= MAX_ATTEMPTS:
        yield Violation("max_attempts", f"must be 1 to {MAX_ATTEMPTS}, or 0 for {DEFAULT_ATTEMPTS}")
    if not 0 <= request.priority <= MAX_PRIORITY:
        yield Violation("priority", f"must be 0 to {MAX_PRIORITY}, higher first")
    if request.ttl is not None and not TTL_RANGE[0] <= request.ttl <= TTL_RANGE[1]:
        yield Violation("ttl", "must be from 60 s to 7776000 s (90 days)")
    if why := wrong_in_name(request.filename):
        yield Violation("filename", why)
    yield from _label_violations(request.labels)


def _label_violations(labels: dict[str, str]) -> Iterator[Violation]:
    if len(labels) > MAX_LABELS:
        yield Violation("labels", f"must be at most {MAX_LABELS}, not {len(labels)}")
    for name, value in labels.items():
        if not _LABEL_KEY.fullmatch(name):
            yield Violation(f"labels[{name[:64]}]", "a key must be 1 to 64 characters of a-z, 0-9, _, - and .")
        if len(value.encode()) > MAX_LABEL_BYTES:
            yield Violation(f"labels[{name[:64]}]", f"a value must be at most {MAX_LABEL_BYTES} bytes")
