"""Which exports a claim takes: tenants in their turn, each one's own by priority and age."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

from services.api.domain.fairness import Fairness, Turn, first
from services.api.domain.states import LEASABLE, Event, sources
from services.api.storage.memory.data import MemoryData
from services.api.storage.memory.records import Record


def running(data: MemoryData) -> Counter[str]:
    """How many exports each tenant runs."""
    return Counter(record.export.tenant for record in data.within(*sources(Event.RELEASE)))


def in_turn(
    data: MemoryData, fairness: Fairness, now: datetime, may_have: Callable[[Record], bool]
) -> Iterator[Record]:
    """Exports to lease, as long as there are some. Each must be leased before the next is asked for."""
    waiting, at_work = _waiting(data, now, may_have), running(data)
    turns = {tenant: data.turns.get(tenant, Turn()) for tenant in waiting}
    present = max((turn.served for turn in data.turns.values()), default=0)
    while turns:
        tenant = first(turns, present)
        if not waiting[tenant] or fairness.capped(tenant, at_work[tenant]):
            del turns[tenant]
            continue
        turns[tenant] = data.turns[tenant] = turns[tenant].taken(present, fairness.share(tenant).weight)
        present = turns[tenant].served
        at_work[tenant] += 1
        yield waiting[tenant].pop()


def _waiting(data: MemoryData, now: datetime, may_have: Callable[[Record], bool]) -> dict[str, list[Record]]:
    """What each tenant has that is due, its next one last."""
    due: dict[str, list[Record]] = {}
    for record in filter(may_have, data.within(*LEASABLE)):
        if record.export.next_attempt_time is None or record.export.next_attempt_time <= now:
            due.setdefault(record.export.tenant, []).append(record)
    for own in due.values():
        own.sort(key=lambda record: (-record.export.priority, record.export.id), reverse=True)
    return due
