"""Positions in the queue."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from services.api.domain.export import Export
from services.api.domain.states import State
from services.api.ports.exports import MAX_QUEUE_POSITION
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.tables import exports, in_states

LAST_KNOWN_S = 1.0
"""How long a position of MAX_QUEUE_POSITION is cached, for the exports behind the one that had it."""

COUNTED_ALONE = 3
"""Up to how many exports of a tenant are counted one by one. For more, all ids in the line are read once."""

_BETWEEN = " "
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


class _Joined(sa.sql.functions.FunctionElement[str]):
    """Texts joined by _BETWEEN, in the order of a sorted subquery."""

    type = sa.Text()
    name = "joined"
    inherit_cache = True


@compiles(_Joined)
def _joined(element: _Joined, compiler: Any, **more: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **more)}, '{_BETWEEN}')"


@compiles(_Joined, "postgresql")
def _joined_in_postgresql(element: _Joined, compiler: Any, **more: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **more)}, '{_BETWEEN}')"


_line = (
    _queued_by.order_by(_c.priority.desc(), _c.id).limit(MAX_QUEUE_POSITION - 1).subquery()
)  # all but those at MAX_QUEUE_POSITION
# One value instead of rows: for each row, the driver of SQLite hands over the interpreter's lock.
_ids_in_line = Prepared(sa.select(_Joined(_line.c.id).label("ids")))


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

    def of_each(self, db: sa.Connection, exports: Sequence[Export]) -> list[int]:
        """Return the position of each; 0 for those that are not QUEUED. See `of`."""
        waiting = sorted((each for each in exports if each.state is State.QUEUED), key=_place_of)
        asked = Counter(each.tenant for each in waiting if self.known(each) is None)
        lines = {tenant: _line_of(db, tenant) for tenant, count in asked.items() if count > COUNTED_ALONE}
        # From the first to the last: only the first one at MAX_QUEUE_POSITION is counted.
        places = {each.id: lines.get(each.tenant, {}).get(each.id) or self.of(db, each) for each in waiting}
        return [places.get(each.id, 0) for each in exports]


def _place_of(export: Export) -> tuple[int, str]:
    return -export.priority, export.id


def _position(db: sa.Connection, export: Export) -> int:
    of = {"of_tenant": export.tenant, "of_priority": export.priority, "of_id": export.id}
    row = _ahead.first(db, of)
    return min(1 + row["ahead"], MAX_QUEUE_POSITION) if row else 1


def _line_of(db: sa.Connection, tenant: str) -> Mapping[str, int]:
    """Return the positions before MAX_QUEUE_POSITION, by the ids of the exports that have them."""
    ids: str = _ids_in_line.scalar(db, {"of_tenant": tenant}) or ""
    return {id_: place for place, id_ in enumerate(ids.split(_BETWEEN), 1)}
