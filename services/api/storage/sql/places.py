"""Positions in the queue."""

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
"""How long a position of MAX_QUEUE_POSITION is cached, for the exports behind the one that had it."""

_c = exports.c
_queued_by = sa.select(_c.id).where(in_states({State.QUEUED}), _c.tenant == sa.bindparam("of_tenant"))
_priority = sa.bindparam("of_priority", type_=sa.Integer)


def _count(before: sa.Select[Any]) -> Any:
    return sa.select(sa.func.count()).select_from(before.limit(MAX_QUEUE_POSITION - 1).subquery()).scalar_subquery()


# Two ranges of one index: a single condition would scan all waiting exports.
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
    """An export at MAX_QUEUE_POSITION, and until when this is cached."""

    place: tuple[int, str]
    until: float


class Places:
    """Counts the exports before an export. A queue longer than MAX_QUEUE_POSITION is counted only once in LAST_KNOWN_S.

    `monotonic` returns seconds and never goes back; without it every queue is counted each time.
    """

    def __init__(self, monotonic: Callable[[], float] | None = None) -> None:
        self._monotonic = monotonic
        self._last: dict[str, _Last] = {}

    def known(self, export: Export) -> int | None:
        """Return the position if it is known without counting, otherwise None. Can be called by any thread."""
        last = self._last.get(export.tenant)
        if last is None or self._monotonic is None:
            return None
        is_behind = self._monotonic() < last.until and last.place <= _place_of(export)
        return MAX_QUEUE_POSITION if is_behind else None

    def of(self, db: sa.Connection, export: Export) -> int:
        """Return the position of a QUEUED export; see `ExportStore.queue_position`. To be called by one thread only."""
        known = self.known(export)
        if known is not None:
            return known
        position = _position(db, export)
        if position == MAX_QUEUE_POSITION and self._monotonic is not None:
            now = self._monotonic()
            others = {tenant: each for tenant, each in self._last.items() if now < each.until}
            self._last = {**others, export.tenant: _Last(_place_of(export), now + LAST_KNOWN_S)}
        return position


def _place_of(export: Export) -> tuple[int, str]:
    return -export.priority, export.id


def _position(db: sa.Connection, export: Export) -> int:
    of = {"of_tenant": export.tenant, "of_priority": export.priority, "of_id": export.id}
    row = _ahead.first(db, of)
    return min(1 + row["ahead"], MAX_QUEUE_POSITION) if row else 1
