"""All ports of the store over one MemoryData."""

from services.api.domain.fairness import Fairness
from services.api.domain.leases import LeasePolicy
from services.api.ports.store import Store
from services.api.storage.memory.audit import MemoryAuditStore
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.exports import MemoryExportStore
from services.api.storage.memory.figures import MemoryQueueFigures
from services.api.storage.memory.keys import MemoryKeyStore
from services.api.storage.memory.leases import MemoryLeaseStore
from services.api.storage.memory.links import MemoryLinkStore
from services.api.storage.memory.outbox import MemoryOutbox
from services.api.storage.memory.retention import MemoryRetentionStore
from services.api.storage.memory.usage import MemoryUsageStore


def memory_store(
    policy: LeasePolicy | None = None, fairness: Fairness | None = None, data: MemoryData | None = None
) -> Store:
    """Return a store that behaves like the SQL store, but lives in the process only. It is never unavailable.

    Each call examines all data: it is meant for thousands of exports, not for millions.
    """
    data = data or MemoryData()
    return Store(
        exports=MemoryExportStore(data),
        leases=MemoryLeaseStore(data, policy or LeasePolicy(), fairness or Fairness()),
        figures=MemoryQueueFigures(data),
        outbox=MemoryOutbox(data),
        retention=MemoryRetentionStore(data),
        keys=MemoryKeyStore(data),
        usage=MemoryUsageStore(data),
        links=MemoryLinkStore(data),
        audit=MemoryAuditStore(data),
    )
