"""The store of exports in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.api.domain.audit import NOBODY, Action, Origin, of_export
from services.api.domain.export import Export, StoredFile
from services.api.domain.history import Actor, Transition
from services.api.domain.quotas import UNLIMITED_QUOTAS, Quotas
from services.api.domain.retry import BECAUSE_CANCELLED
from services.api.domain.states import CancelReason, Event, State, sources
from services.api.ports.exports import (
    MAX_QUEUE_POSITION,
    REQUEST_ID_LASTS,
    ExportFilter,
    ExportPage,
    IdKind,
    IdMatch,
    IdRange,
    Placed,
    RequestMark,
)
from services.api.storage.memory.audit import append
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.records import Record, Request
from services.api.storage.memory.rules import RuleBroken
from services.api.storage.memory.usage import count
from services.contract.errors import (
    ExportDeleted,
    ExportNotFound,
    IllegalTransition,
    NotQueued,
    PasswordRequired,
    RequestIdReused,
)
from services.contract.spec import JobSpec


class MemoryExportStore:
    """An ExportStore in memory."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    async def create(
        self,
        export: Export,
        spec: JobSpec,
        mark: RequestMark | None,
        sealed_password: bytes | None = None,
        quotas: Quotas = UNLIMITED_QUOTAS,
        *,
        by: Origin = NOBODY,
    ) -> Export:
        if mark is not None and (made := await self.made_by(export.tenant, mark, export.create_time)) is not None:
            return made
        if export.id in self._data.records:
            raise RuleBroken("exports_key")
        count(self._data, export, quotas)
        self._data.create(Record(export, spec, sealed_password))
        append(self._data, [of_export(Action.EXPORT_CREATED, export, by, export.create_time)])
        if mark is not None:
            taken = Request(mark, export.id, export.create_time)
            self._data.requests[export.tenant, mark.request_id] = taken
        return export

    async def made_by(self, tenant: str, mark: RequestMark, now: datetime) -> Export | None:
        request = self._data.requests.get((tenant, mark.request_id))
        if request is None or request.create_time <= now - REQUEST_ID_LASTS:
            return None
        if not mark.fits(request.mark.digest):
            raise RequestIdReused(mark.request_id)
        record = self._data.records[request.export_id]
        if record.deleted_time is not None:
            raise ExportDeleted(record.export.id)
        return record.export

    async def get(self, tenant: str, export_id: str) -> Export | None:
        record = self._data.there(tenant, export_id)
        return record.export if record else None

    async def placed(self, tenant: str, export_id: str) -> Placed | None:
        export = await self.get(tenant, export_id)
        return Placed(export, await self.queue_position(export)) if export else None

    async def get_by_file(self, tenant: str, file_id: str) -> Export | None:
        return next((export for export in self._listed(tenant) if export.file_of(file_id)), None)

    async def ids(self, tenant: str, within: IdRange, limit: int) -> list[IdMatch]:
        own = self._listed(tenant)
        made = [IdMatch(IdKind.EXPORT, export.id, export.id) for export in own]
        files = [IdMatch(IdKind.FILE, file.id, export.id) for export in own for file in _files(export)]
        return [*_within(made, within, limit), *_within(files, within, limit)]

    async def page(self, tenant: str, filter_: ExportFilter, before_id: str, limit: int) -> ExportPage:
        older = (export for export in self._listed(tenant) if not before_id or export.id < before_id)
        exports = [export for export in older if _is_wanted(export, filter_)]
        page = sorted(exports, key=lambda export: export.id, reverse=True)[:limit]
        return ExportPage(tuple(page), page[-1].id if len(exports) > len(page) else "")

    def _listed(self, tenant: str) -> list[Export]:
        records = self._data.records.values()
        return [each.export for each in records if each.export.tenant == tenant and each.deleted_time is None]

    async def versions(self, export_ids: Sequence[str]) -> dict[str, int]:
        there = (self._data.records.get(export_id) for export_id in export_ids)
        return {each.export.id: each.export.version for each in there if each and each.deleted_time is None}

    async def queue_position(self, export: Export) -> int:
        if export.state is not State.QUEUED:
            return 0
        place = _place(export)
        ahead = sum(_place(waiting) < place for waiting in self._queued(export.tenant))
        return min(1 + ahead, MAX_QUEUE_POSITION)

    async def first_queued(self, tenant: str) -> list[str]:
        return [export.id for export in sorted(self._queued(tenant), key=_place)[:MAX_QUEUE_POSITION]]

    def _queued(self, tenant: str) -> list[Export]:
        return [each.export for each in self._data.within(State.QUEUED) if each.export.tenant == tenant]

    async def cancel(
        self, tenant: str, export_id: str, now: datetime, *, only_if_queued: bool, by: Origin = NOBODY
    ) -> tuple[Export, str]:
        record = self._found(tenant, export_id)
        export = record.export
        if export.state is State.CANCELLED:
            return export, ""
        if export.state not in sources(Event.CANCEL):
            raise IllegalTransition(export_id, export.state.value, "cancel")
        if only_if_queued and export.state is not State.QUEUED:
            raise NotQueued(export_id, export.state.value)
        lease_id = record.lease.id if record.lease else ""
        cancelled = self._cancelled(record, now, lease_id)
        append(self._data, [of_export(Action.EXPORT_CANCELLED, cancelled, by, now)])
        return cancelled, lease_id

    def _cancelled(self, record: Record, now: datetime, lease_id: str) -> Export:
        export = record.export
        changed: dict[str, Any] = {"cancel_reason": CancelReason.REQUESTED, "end_time": now, "next_attempt_time": None}
        if export.state in sources(Event.RELEASE) and export.start_time:
            changed["duration"] = now - export.start_time
        changed["given_back_by"] = ""
        beside: dict[str, Any] = {"lease": None, "ended_lease_id": lease_id, "sealed_password": None}
        return self._data.happen(record, Event.CANCEL, now, Actor.CALLER, changed=changed, **beside)

    async def delete(self, tenant: str, export_id: str, now: datetime, *, by: Origin = NOBODY) -> Export | None:
        record = self._data.records.get(export_id)
        if record is None or record.export.tenant != tenant:
            raise ExportNotFound(export_id)
        if record.deleted_time is not None:
            return None
        if not record.export.done:
            raise IllegalTransition(export_id, record.export.state.value, "delete")
        deleted = replace(record.export, version=record.export.version + 1, update_time=now)
        self._data.keep(replace(record, export=deleted, deleted_time=now))
        append(self._data, [of_export(Action.EXPORT_DELETED, deleted, by, now)])
        return deleted

    async def retry(
        self,
        tenant: str,
        export_id: str,
        budget: int,
        sealed_password: bytes | None,
        now: datetime,
        *,
        by: Origin = NOBODY,
    ) -> Export:
        record = self._found(tenant, export_id)
        self._check_retry(record.export, sealed_password)
        attempts = record.export.attempt + budget
        changed: dict[str, Any] = {"run": record.export.run + 1, "max_attempts": attempts}
        changed |= dict.fromkeys(("cancel_reason", "start_time", "end_time", "duration"))
        changed |= {"email_sent": False, "callback_sent": False}
        beside: dict[str, Any] = {"lease": None, "unconfirmed_count": 0, "given_back_count": 0}
        beside["sealed_password"] = sealed_password
        retried = self._data.happen(record, Event.RETRY, now, Actor.OPERATOR, changed=changed, **beside)
        append(self._data, [of_export(Action.EXPORT_RETRIED, retried, by, now, attempts=str(budget))])
        return retried

    def _check_retry(self, export: Export, sealed_password: bytes | None) -> None:
        requested = export.cancel_reason is CancelReason.REQUESTED
        may = export.state in sources(Event.RETRY) and not requested
        if may and export.encrypted and sealed_password is None:
            raise PasswordRequired(export.id)
        if not may or (sealed_password is not None) != export.encrypted:
            because = BECAUSE_CANCELLED if requested else ""
            raise IllegalTransition(export.id, export.state.value, "retry", because)

    async def transitions(
        self, tenant: str, export_id: str, *, after: int = 0, limit: int | None = None
    ) -> list[Transition]:
        entries = self._data.history[export_id] if self._data.there(tenant, export_id) else []
        return [entry for entry in entries if entry.version > after][:limit]

    def _found(self, tenant: str, export_id: str) -> Record:
        record = self._data.there(tenant, export_id)
        if record is None:
            raise ExportNotFound(export_id)
        return record


def _files(export: Export) -> list[StoredFile]:
    return [file for file in (export.file, export.attachments_file) if file is not None]


def _within(matches: list[IdMatch], within: IdRange, limit: int) -> list[IdMatch]:
    inside = (match for match in matches if within.first <= match.id <= within.last)
    return sorted(inside, key=lambda match: match.id)[:limit]


def _place(export: Export) -> tuple[int, str]:
    """Return the place in the tenant's queue: by priority, then by age."""
    return -export.priority, export.id


def _is_wanted(export: Export, filter_: ExportFilter) -> bool:
    return (
        (not filter_.states or export.state in filter_.states)
        and (not filter_.type or export.type == filter_.type)
        and filter_.labels.items() <= export.labels.items()
        and (filter_.created_after is None or export.create_time >= filter_.created_after)
        and (filter_.created_before is None or export.create_time < filter_.created_before)
    )
