"""A snapshot of what the memory store holds."""

from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.records import Record
from tests.ports.snapshots import Snapshot, StoredDelivery, StoredExport


def memory_snapshot(data: MemoryData) -> Snapshot:
    return Snapshot(
        {export_id: _stored(record) for export_id, record in data.records.items()},
        {export_id: [*entries] for export_id, entries in data.history.items()},
        tuple(StoredDelivery(announced.delivery, announced.lease_id) for announced in data.deliveries.values()),
    )


def _stored(record: Record) -> StoredExport:
    lease = record.lease
    return StoredExport(
        export=record.export,
        lease_id=lease.id if lease else None,
        lease_worker=lease.worker_id if lease else None,
        lease_confirmed=lease.confirmed if lease else False,
        lease_expire_time=lease.expire_time if lease else None,
        lease_count=record.lease_count,
        unconfirmed_count=record.unconfirmed_count,
        given_back_count=record.given_back_count,
        ended_lease=record.ended_lease_id,
        sealed_password=record.sealed_password,
        deleted=record.deleted_time is not None,
    )
