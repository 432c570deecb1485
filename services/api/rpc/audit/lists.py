"""The list of the audit trail: decode, call, encode."""

from datetime import datetime

from exportd.v1 import operator_service_pb2
from services.api.domain.audit import MAX_TEXT_CHARACTERS, Action, AuditEntry
from services.api.ports.audit import AuditFilter, AuditPlace, AuditStore
from services.api.rpc import decode
from services.api.rpc.gate import CALLER
from services.api.rpc.pages import Found, Pages
from services.contract.codec import enum_from_pb, enum_to_pb, timestamp_to_pb
from services.contract.errors import InvalidRequest, ScopeMissing, Violation


class AuditLists:
    """Lists the audit trail for operators."""

    def __init__(self, audit: AuditStore, pages: Pages) -> None:
        self._audit = audit
        self._pages = pages

    async def listed(
        self, request: operator_service_pb2.ListAuditEntriesRequest
    ) -> operator_service_pb2.ListAuditEntriesResponse:
        """Return a page of what the caller may see. Raises InvalidRequest, ScopeMissing."""
        wanted = _filter(request, _tenant(request.tenant))

        async def fetch(after: str, count: int) -> Found[AuditEntry]:
            page = await self._audit.page(wanted, _place(after), count)
            return page.entries, _text(page.rest) if page.rest else ""

        asked = self._pages.asked(request, wanted.tenant or "")
        listed, token = await self._pages.filled(asked, fetch, encoded, _place_of)
        return operator_service_pb2.ListAuditEntriesResponse(entries=listed, next_page_token=token)


def _tenant(wanted: str) -> str | None:
    """Return the tenant whose entries are listed; None for all. Raises InvalidRequest, ScopeMissing."""
    only = CALLER.get().only_tenant
    tenant = decode.tenant([wanted]) if wanted else only or None
    if only and tenant != only:
        raise ScopeMissing("operate for all tenants")
    return tenant


def _filter(request: operator_service_pb2.ListAuditEntriesRequest, tenant: str | None) -> AuditFilter:
    """Return the conditions. Raises InvalidRequest."""
    for field in ("resource_id", "principal"):
        if len(getattr(request, field)) > MAX_TEXT_CHARACTERS:
            raise InvalidRequest((Violation(field, f"must be at most {MAX_TEXT_CHARACTERS} characters"),))
    return AuditFilter(
        tenant=tenant,
        actions=_actions(request),
        resource=request.resource_id,
        principal=request.principal,
        since=decode.time(request, "created_after"),
        before=decode.time(request, "created_before"),
    )


def _actions(request: operator_service_pb2.ListAuditEntriesRequest) -> frozenset[Action]:
    try:
        return frozenset(enum_from_pb(Action, operator_service_pb2.AuditEntry.Action, each) for each in request.actions)
    except ValueError:
        raise InvalidRequest((Violation("actions", "must be of " + ", ".join(Action.__members__)),)) from None


def _place_of(entry: AuditEntry) -> str:
    return _text(AuditPlace(entry.time, entry.id))


def _text(place: AuditPlace) -> str:
    return f"{place.id} {place.time.isoformat()}"


def _place(text: str) -> AuditPlace | None:
    id_, _, time = text.partition(" ")
    return AuditPlace(datetime.fromisoformat(time), int(id_)) if text else None


def encoded(entry: AuditEntry) -> operator_service_pb2.AuditEntry:
    """Return an entry for operators."""
    return operator_service_pb2.AuditEntry(
        id=entry.id,
        action=enum_to_pb(operator_service_pb2.AuditEntry.Action, entry.action),
        create_time=timestamp_to_pb(entry.time),
        tenant=entry.tenant,
        resource_id=entry.resource,
        principal=entry.by.principal,
        request_id=entry.by.request_id,
        peer=entry.by.peer,
        sent_bytes=entry.bytes,
        details=entry.details,
    )
