"""Places in the queue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from services.api.domain.export import Export
from services.api.domain.states import State
from services.api.ports.exports import MAX_QUEUE_POSITION
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.tables import exports, in_states

LAST_KNOWN_S = 1.0
"""For so long an export stands at MAX_QUEUE_POSITION because another one that is before it stood there."""

_c = exports.c
_queued_by = sa.select(_c.id).where(in_states({State.QUEUED}), _c.tenant == sa.bindparam("of_tenant"))
_priority = sa.bindparam("of_priority", type_=sa.Integer)


def _count(before: sa.Select[Any]) -> Any:
    return sa.select(sa.func.count()).select_from(before.limit(MAX_QUEUE_POSITION - 1).subquery()).scalar_subquery()


# Two ranges of one index: together they would be a walk over all that waits.
_ahead = Prepared(
    sa.select(
        (
            _count(_queued_by.where(_c.priority > _priority))
            + _count(_queued_by.where(_c.priority == _priority, _c.id < sa.bindparam("of_id")))
        ).label("ahead")
    )
)


@dataclass(frozen=True, slots=True)
class _Last:
    """One that stood at MAX_QUEUE_POSITION, and until when that is believed."""

    place: tuple[int, str]
    until: float


class Places:
    """Counts who is before an export. A queue that is longer than is counted is counted once in LAST_KNOWN_S.

    `monotonic` counts seconds and never goes back; without it every queue is counted each time.
    """

    def __init__(self, monotonic: Callable[[], float] | None = None) -> None:
        self._monotonic = monotonic
        self._last: dict[str, _Last] = {}

    def of(self, db: sa.Connection, export: Export) -> int:
        """As ExportStore.queue_position."""
        if self._monotonic is None:
            return _position(db, export)
        place, now = (-export.priority, export.id), self._monotonic()
        last = self._last.get(export.tenant)
        if last is not None and now < last.until and last.place <= place:
            return MAX_QUEUE_POSITION
        position = _position(db, export)
        if position == MAX_QUEUE_POSITION:
            self._last = {tenant: each for tenant, each in self._last.items() if now < each.until}
            self._last[export.tenant] = _Last(place, now + LAST_KNOWN_S)
        return position


def _position(db: sa.Connection, export: Export) -> int:
    of = {"of_tenant": export.tenant, "of_priority": export.priority, "of_id": export.id}
    row = _ahead.first(db, of)
    return min(1 + row["ahead"], MAX_QUEUE_POSITION) if row else 1
