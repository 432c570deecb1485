"""Which exports a claim takes: tenants take turns, and the exports of one tenant go by priority, then by age."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

from services.api.domain.fairness import BEHIND, Fairness, Turn, first
from services.api.domain.states import LEASABLE, Event, sources
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.records import Record


def running(data: MemoryData) -> Counter[str]:
    """Return how many exports of each tenant are in PROCESSING."""
    return Counter(record.export.tenant for record in data.within(*sources(Event.RELEASE)))


def in_turn(
    data: MemoryData, fairness: Fairness, now: datetime, may_have: Callable[[Record], bool]
) -> Iterator[Record]:
    """Yield the exports to lease in their order. Each must be leased before the next one is requested."""
    present = max((turn.served for turn in data.turns.values()), default=0)
    due = _due(data, now)
    behind = present + BEHIND  # as it was when those came who have come since the last claim
    data.came = {tenant: data.came.get(tenant, behind) for tenant in due}
    waiting = {tenant: [*filter(may_have, own)] for tenant, own in due.items()}
    at_work = running(data)
    turns = {tenant: _turn(data, tenant) for tenant in waiting}
    while turns:
        tenant = first(turns, present)
        if not waiting[tenant] or fairness.capped(tenant, at_work[tenant]):
            del turns[tenant]
            continue
        turns[tenant] = data.turns[tenant] = turns[tenant].taken(present, fairness.share(tenant).weight)
        present = turns[tenant].served
        at_work[tenant] += 1
        yield waiting[tenant].pop()


def _turn(data: MemoryData, tenant: str) -> Turn:
    """Return the turn of a tenant that waits: its own, or just behind the present when it came if that is later."""
    own = data.turns.get(tenant, Turn())
    return Turn(max(own.vtime, data.came[tenant]), own.served)


def _due(data: MemoryData, now: datetime) -> dict[str, list[Record]]:
    """Return the due exports of each tenant; the next one is the last of the list."""
    due: dict[str, list[Record]] = {}
    for record in data.within(*LEASABLE):
        if record.export.next_attempt_time is None or record.export.next_attempt_time <= now:
            due.setdefault(record.export.tenant, []).append(record)
    for own in due.values():
        own.sort(key=lambda record: (-record.export.priority, record.export.id), reverse=True)
    return due
