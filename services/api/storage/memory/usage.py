"""What tenants use of their quotas, in memory."""

from collections.abc import Mapping
from datetime import datetime

from services.api.domain.export import Export
from services.api.domain.notifications import notification_count
from services.api.domain.quotas import WINDOWS, Quota, Quotas, Window, exceeded, window_start
from services.api.domain.states import LEASABLE, Event, sources
from services.api.storage.memory.data import MemoryData


def count(data: MemoryData, export: Export, quotas: Quotas) -> None:
    """Count a new export. Raises QuotaExceeded, and then counts nothing."""
    now, tenant = export.create_time, export.tenant
    waiting = sum(record.export.tenant == tenant for record in data.within(*LEASABLE))
    if 0 < quotas.waiting <= waiting:
        raise exceeded(Quota.WAITING, quotas.waiting, quotas.waiting, now)
    taken = {}
    notices = notification_count(export)
    for quota, added in ((Quota.CREATES, 1), (Quota.NOTIFICATIONS, notices)):
        if added and quotas.limit(quota):
            taken[tenant, quota] = _window(data, tenant, quota, now).taken(quota, added, quotas.limit(quota), now)
    data.windows |= taken


def live_links(data: MemoryData, tenant: str, now: datetime) -> int:
    """Return how many links of a tenant can be used."""
    return sum(link.tenant == tenant and link.live_at(now) for link in data.links.values())


def _window(data: MemoryData, tenant: str, quota: Quota, now: datetime) -> Window:
    return data.windows.get((tenant, quota), Window(window_start(quota, now), 0))


class MemoryUsageStore:
    """A UsageStore in memory."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    async def take(self, tenant: str, quota: Quota, limit: int, now: datetime) -> None:
        window = _window(self._data, tenant, quota, now)
        self._data.windows[tenant, quota] = window.taken(quota, 1, limit, now)

    async def kept_bytes(self, tenant: str, now: datetime) -> int:
        kept = 0
        for record in self._data.records.values():
            export = record.export
            files = [file for file in (export.file, export.attachments_file) if file and not file.expired(now)]
            if export.tenant == tenant and record.deleted_time is None:
                kept += sum(file.artifact.size_bytes for file in files)
        return kept

    async def usage(self, tenant: str, now: datetime) -> Mapping[Quota, int]:
        return {
            Quota.WAITING: sum(record.export.tenant == tenant for record in self._data.within(*LEASABLE)),
            Quota.RUNNING: sum(record.export.tenant == tenant for record in self._data.within(*sources(Event.RELEASE))),
            Quota.KEPT_BYTES: await self.kept_bytes(tenant, now),
            Quota.LINKS: live_links(self._data, tenant, now),
            **{quota: self._used(tenant, quota, now) for quota in WINDOWS},
        }

    def _used(self, tenant: str, quota: Quota, now: datetime) -> int:
        window = self._data.windows.get((tenant, quota))
        return window.used if window and window.start >= window_start(quota, now) else 0
