"""The audit trail in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from services.api.domain.audit import AuditEntry
from services.api.ports.audit import AuditFilter, AuditPage, AuditPlace
from services.api.storage.memory.data import MemoryData


class MemoryAuditStore:
    """An AuditStore in memory."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        stored = {entry.once for entry in self._data.audit} - {""}
        for entry in entries:
            if entry.once not in stored:
                append(self._data, [entry])
                stored |= {entry.once} - {""}

    async def page(self, filter_: AuditFilter, after: AuditPlace | None, limit: int) -> AuditPage:
        wanted = [entry for entry in self._data.audit if _is_wanted(entry, filter_) and _is_after(entry, after)]
        newest = sorted(wanted, key=_place_of, reverse=True)
        page = tuple(newest[:limit])
        return AuditPage(page, AuditPlace(*_place_of(page[-1])) if len(newest) > limit else None)


def append(data: MemoryData, entries: Iterable[AuditEntry]) -> None:
    """Add entries."""
    for entry in entries:
        data.audited += 1
        data.audit.append(replace(entry, id=data.audited))


def _place_of(entry: AuditEntry) -> tuple[datetime, int]:
    return entry.time, entry.id


def _is_after(entry: AuditEntry, place: AuditPlace | None) -> bool:
    return place is None or (entry.time, entry.id) < (place.time, place.id)


def _is_wanted(entry: AuditEntry, filter_: AuditFilter) -> bool:
    return (
        filter_.tenant in (None, entry.tenant)
        and (not filter_.actions or entry.action in filter_.actions)
        and filter_.resource in ("", entry.resource)
        and filter_.principal in ("", entry.by.principal)
        and (filter_.since is None or entry.time >= filter_.since)
        and (filter_.before is None or entry.time < filter_.before)
    )
