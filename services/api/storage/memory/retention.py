"""The removal of what is no longer needed, in memory."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.api.domain.links import KEPT_AFTER_END
from services.api.domain.notifications import DeliveryState
from services.api.domain.quotas import WINDOWS
from services.api.domain.states import LEASABLE, TERMINAL, Event, target
from services.api.ports.exports import REQUEST_ID_LASTS
from services.api.ports.retention import Kept
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.records import Record
from services.contract.job import LeaseRef


class MemoryRetentionStore:
    """A RetentionStore in memory."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    async def belongs_to(self, store_id: str, *, is_empty: bool) -> str:
        if not self._data.store_id and (is_empty or self._data.records):
            self._data.store_id = store_id
        return self._data.store_id

    async def artifact_store(self) -> str:
        return self._data.store_id

    async def kept(self, leases: Sequence[LeaseRef], now: datetime, grace: timedelta) -> list[Kept]:
        return [_kept(self._data.records.get(lease.export_id), lease, now - grace) for lease in leases]

    async def forget(self, now: datetime, rows_kept: timedelta, limit: int) -> int:
        lapsed = now - REQUEST_ID_LASTS
        told = [record for record in self._data.records.values() if not self._is_to_be_announced(record)]
        old = [record.export.id for record in told if _is_old(record, now, rows_kept)][:limit]
        gone = [record.export.id for record in told if record.deleted_time and record.deleted_time <= lapsed][:limit]
        removed = self._forget_requests(lapsed, limit) + self._forget_idle_tenants()
        self._forget_exports({*old, *gone})
        latest = now - 2 * max(WINDOWS.values())
        self._data.windows = {key: each for key, each in self._data.windows.items() if each.start > latest}
        return removed + self._forget_links(now - KEPT_AFTER_END, limit) + len({*old, *gone})

    def _is_to_be_announced(self, record: Record) -> bool:
        own = (d.delivery for d in self._data.deliveries.values() if d.delivery.export_id == record.export.id)
        return any(delivery.state is DeliveryState.PENDING for delivery in own)

    def _forget_requests(self, lapsed: datetime, limit: int) -> int:
        over = [key for key, request in self._data.requests.items() if request.create_time <= lapsed][:limit]
        for key in over:
            del self._data.requests[key]
        return len(over)

    def _forget_links(self, before: datetime, limit: int) -> int:
        over = [id_ for id_, link in self._data.links.items() if link.expire_time <= before][:limit]
        for id_ in over:
            del self._data.links[id_]
        return len(over)

    def _forget_idle_tenants(self) -> int:
        """Remove turns that have no effect: these tenants start at the present anyway.

        The turn that defines the present stays.
        """
        present = max((turn.served for turn in self._data.turns.values()), default=0)
        waiting = {record.export.tenant for record in self._data.within(*LEASABLE)}
        past = (name for name, turn in self._data.turns.items() if turn.vtime <= present and turn.served < present)
        idle = [name for name in past if name not in waiting]
        for name in idle:
            del self._data.turns[name]
        return len(idle)

    async def forget_audit(self, before: datetime, limit: int) -> int:
        oldest = sorted(self._data.audit, key=lambda entry: (entry.time, entry.id))
        over = {entry.id for entry in oldest[:limit] if entry.time < before}
        self._data.audit = [entry for entry in self._data.audit if entry.id not in over]
        return len(over)

    async def erase(self) -> bool:
        return True

    def _forget_exports(self, ids: set[str]) -> None:
        data = self._data
        for id_ in ids:
            del data.records[id_], data.history[id_]
        data.requests = {key: each for key, each in data.requests.items() if each.export_id not in ids}
        data.links = {id_: each for id_, each in data.links.items() if each.export_id not in ids}
        data.deliveries = {id_: each for id_, each in data.deliveries.items() if each.delivery.export_id not in ids}


def _is_old(record: Record, now: datetime, rows_kept: timedelta) -> bool:
    ended, file = record.export.end_time, record.export.file
    is_done = record.export.state in TERMINAL and ended is not None and ended <= now - rows_kept
    return is_done and (file is None or file.expire_time <= now)


def _kept(record: Record | None, lease: LeaseRef, latest: datetime) -> Kept:
    """Return what the artifacts of a lease are. Only the lease of the record can complete or has completed."""
    if record is None:
        return Kept.UNKNOWN
    if not record.holds(lease):
        return Kept.OVER
    expires = record.export.file.expire_time if record.export.file else None
    ends = [moment for moment in (expires, record.deleted_time) if moment is not None]
    is_over = record.export.state is target(Event.COMPLETE) and any(moment <= latest for moment in ends)
    return Kept.OVER if is_over else Kept.NEEDED
