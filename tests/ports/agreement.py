"""Whether a store holds what the model says."""

from dataclasses import astuple
from typing import Any

from services.api.domain.history import Transition
from services.api.domain.notifications import Channel
from tests.ports.model import Entry
from tests.ports.moves import World
from tests.ports.snapshots import Snapshot, StoredExport


def plain(transition: Transition) -> tuple[Any, ...]:
    """Without its reason, which is for people."""
    t = transition
    return (t.version, t.run, t.attempt, t.event, t.before, t.after, t.actor, t.worker_id, t.time)


def agree(world: World, seen: Snapshot) -> None:
    """Every export, entry and delivery is what the model says."""
    assert set(seen.exports) == set(world.model.entries)
    for export_id, entry in world.model.entries.items():
        stored = seen.exports[export_id]
        assert stored.export == entry.export
        assert _beside(stored) == _beside_in_model(entry)
        assert [plain(t) for t in seen.history[export_id]] == [plain(t) for t in entry.history]
    told = {(d.delivery.export_id, *astuple(d.delivery.position)): d for d in seen.deliveries}
    told = {(export_id, run, Channel[channel], number): d for (export_id, run, channel, number), d in told.items()}
    assert set(told) == set(world.model.outbox.announced)
    for key, announced in world.model.outbox.announced.items():
        stored, expected = told[key].delivery, announced.delivery
        assert stored.id == (expected.id or stored.id)
        assert (stored.state, stored.attempt, stored.next_attempt_time, stored.end_time) == (
            expected.state,
            expected.attempt,
            expected.next_attempt_time,
            expected.end_time,
        )
        assert _of_no_id(stored.notice) == _of_no_id(expected.notice)
        assert (stored.event, stored.target, stored.tries) == (expected.event, expected.target, expected.tries)
        assert told[key].lease_id == announced.lease


def _of_no_id(notice: dict[str, Any]) -> dict[str, Any]:
    """An event has an id of its own, which the store chooses."""
    return {name: value for name, value in notice.items() if name != "id"}


def _beside(stored: StoredExport) -> tuple[Any, ...]:
    lease = (stored.lease_id, stored.lease_worker, stored.lease_confirmed, stored.lease_expire_time)
    counted = (stored.lease_count, stored.unconfirmed_count, stored.given_back_count, stored.ended_lease)
    return (lease, counted, stored.sealed_password, stored.deleted)


def _beside_in_model(entry: Entry) -> tuple[Any, ...]:
    held = entry.lease
    lease = (held.id, held.worker, held.confirmed, held.expires) if held else (None, None, False, None)
    return (lease, (entry.leases, entry.unconfirmed, entry.given_back, entry.ended), entry.password, entry.deleted)
