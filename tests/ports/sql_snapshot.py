"""A snapshot of bare rows."""

from collections import defaultdict

import sqlalchemy as sa

from services.api.domain.history import Transition
from services.api.storage.sql.history import to_transition
from services.api.storage.sql.rows import Row, to_export
from services.api.storage.sql.tables import deliveries, exports, transitions
from services.api.storage.sql.verbs.outbox import to_delivery
from tests.ports.lining_up import strayed
from tests.ports.snapshots import Snapshot, StoredDelivery, StoredExport


def sql_snapshot(db: sa.Connection) -> Snapshot:
    held = [*db.execute(sa.select(deliveries)).mappings()]
    return Snapshot(
        {row["id"]: _stored(row) for row in db.execute(sa.select(exports)).mappings()},
        _history(db),
        tuple(StoredDelivery(to_delivery(row), row["lease_id"] or "") for row in held),
        tuple(strayed(db)),
    )


def _history(db: sa.Connection) -> dict[str, list[Transition]]:
    history = defaultdict(list)
    for row in db.execute(sa.select(transitions).order_by(transitions.c.id)).mappings():
        entries = history[row["export_id"]]
        entries.append(to_transition(row, entries[-1].after if entries else None))
    return history


def _stored(row: Row) -> StoredExport:
    return StoredExport(
        export=to_export(row),
        lease_id=row["lease_id"],
        lease_worker=row["lease_worker_id"],
        lease_confirmed=row["lease_confirmed"],
        lease_expire_time=row["lease_expire_time"],
        lease_count=row["lease_count"],
        unconfirmed_count=row["unconfirmed_count"],
        given_back_count=row["given_back_count"],
        ended_lease=row["ended_lease_id"] or "",
        sealed_password=row["sealed_password"],
        deleted=row["deleted_time"] is not None,
    )
