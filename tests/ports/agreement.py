"""Whether the rows are what the model says."""

from typing import Any

from services.api.domain.history import Transition
from services.api.storage.sql.rows import to_export
from tests.ports.invariants import Row, Snapshot
from tests.ports.model import Entry
from tests.ports.moves import World


def plain(transition: Transition) -> tuple[Any, ...]:
    """Without its reason, which is for people."""
    t = transition
    return (t.version, t.run, t.attempt, t.event, t.after, t.actor, t.worker_id, t.time)


def agree(world: World, seen: Snapshot) -> None:
    """Every row is what the model says."""
    assert set(seen.exports) == set(world.model.entries)
    for export_id, entry in world.model.entries.items():
        row = seen.exports[export_id]
        assert to_export(row) == entry.export
        assert _beside(row) == _beside_in_model(entry)
        assert [_entry(e) for e in seen.history[export_id]] == [plain(t) for t in entry.history]
    stored = {(r["export_id"], r["run"], r["channel"]): r for r in seen.deliveries}
    assert set(stored) == set(world.model.outbox.announced)
    for key, one in world.model.outbox.announced.items():
        row, delivery = stored[key], one.delivery
        assert (row["state"], row["attempt"], row["next_attempt_time"]) == (
            delivery.state,
            delivery.attempt,
            delivery.next_attempt_time,
        )
        assert (row["notice"], row["target"], row["lease_id"] or "") == (delivery.notice, delivery.target, one.lease)


def _beside(row: Row) -> tuple[Any, ...]:
    lease = (row["lease_id"], row["lease_worker_id"], row["lease_confirmed"], row["lease_expire_time"])
    counted = (row["lease_count"], row["unconfirmed_count"], row["ended_lease_id"] or "")
    return (lease, counted, row["sealed_password"], row["deleted_time"] is not None)


def _beside_in_model(entry: Entry) -> tuple[Any, ...]:
    held = entry.lease
    lease = (held.id, held.worker, held.confirmed, held.expires) if held else (None, None, False, None)
    return (lease, (entry.leases, entry.unconfirmed, entry.ended), entry.password, entry.deleted)


def _entry(row: Row) -> tuple[Any, ...]:
    names = ("version", "run", "attempt", "event", "state", "actor", "worker_id", "time")
    return tuple(row[name] for name in names)
