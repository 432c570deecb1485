"""Which exports a claim takes: tenants in their turn, each one's own by priority and age."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.api.domain.fairness import Fairness, Turn, first
from services.api.domain.states import Event, State, sources, target
from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import exports, in_states, tenants

MAX_RETRIES_COMPARED = 100
"""Of a tenant's exports that are due again, so many of the longest due are compared by priority."""

_c = exports.c
_queued = in_states({State.QUEUED})
_failed = in_states({target(Event.FAIL)})
_running = in_states(sources(Event.RELEASE))
_now = sa.bindparam("now", type_=UtcTime)
_of_tenant = _c.tenant == sa.bindparam("of_tenant")


def _walk(of: sa.ColumnElement[bool]) -> sa.CTE:
    """One step along the index a tenant, however many exports each has; the last step leads to none."""
    start = sa.select(sa.func.min(_c.tenant).label("tenant")).where(of).cte("walk", recursive=True)
    after = sa.select(sa.func.min(_c.tenant)).where(of, _c.tenant > start.c.tenant).scalar_subquery()
    return start.union_all(sa.select(after).where(start.c.tenant.is_not(None)))


def _turns_of(walk: sa.CTE) -> sa.Select[str, int, int]:
    on_their_way = walk.outerjoin(tenants, tenants.c.tenant == walk.c.tenant)
    place = (sa.func.coalesce(tenants.c[name], 0).label(name) for name in ("vtime", "served"))
    return sa.select(walk.c.tenant, *place).select_from(on_their_way).where(walk.c.tenant.is_not(None))


_with_failed = _walk(_failed)
_first_due = (
    sa.select(sa.func.min(_c.next_attempt_time)).where(_failed, _c.tenant == _with_failed.c.tenant).scalar_subquery()
)
_waiting = (_turns_of(_walk(_queued)), _turns_of(_with_failed).where(_first_due <= _now))
_count_running = sa.select(_c.tenant, sa.func.count().label("running")).where(_running).group_by(_c.tenant)
_present = sa.select(sa.func.max(tenants.c.served))
_next_new = sa.select(_c.id, _c.priority).where(_queued, _of_tenant).order_by(_c.priority.desc(), _c.id).limit(1)
_next_again = (
    sa.select(_c.id, _c.priority)
    .where(_failed, _of_tenant, _c.next_attempt_time <= _now)
    .order_by(_c.next_attempt_time, _c.id)
    .limit(MAX_RETRIES_COMPARED)
)


@dataclass(slots=True)
class _Line:
    """The tenants that wait, as one claim sees them."""

    turns: dict[str, Turn]
    running: dict[str, int]
    present: int


class Turns:
    """Tenants in their turn, by the shares of `fairness`."""

    def __init__(self, sql: Statements, fairness: Fairness) -> None:
        self._take = sql.take_turn
        self._fairness = fairness

    def in_turn(self, db: sa.Connection, now: datetime) -> Iterator[str]:
        """Ids of exports to lease, as long as there are some. Each must be leased before the next is asked for."""
        line = self._line(db, now)
        while line.turns:
            tenant = first(line.turns, line.present)
            export_id = _next_of(db, tenant, now)
            if export_id is None:
                del line.turns[tenant]
                continue
            self._note(db, line, tenant)
            yield export_id

    def _line(self, db: sa.Connection, now: datetime) -> _Line:
        """Only tenants that something can be taken of: the others would be looked at one by one."""
        at_work = running(db)
        waiting = (row for query in _waiting for row in db.execute(query, {"now": now}))
        turns = {row.tenant: Turn(row.vtime, row.served) for row in waiting}
        free = {name: turn for name, turn in turns.items() if not self._fairness.capped(name, at_work.get(name, 0))}
        return _Line(turns=free, running=at_work, present=db.execute(_present).scalar() or 0)

    def _note(self, db: sa.Connection, line: _Line, tenant: str) -> None:
        turn = line.turns[tenant].taken(line.present, self._fairness.share(tenant).weight)
        line.turns[tenant], line.present = turn, turn.served
        db.execute(self._take, {"tenant": tenant, "vtime": turn.vtime, "served": turn.served})
        line.running[tenant] = line.running.get(tenant, 0) + 1
        if self._fairness.capped(tenant, line.running[tenant]):
            del line.turns[tenant]


def running(db: sa.Connection) -> dict[str, int]:
    """How many exports each tenant runs; those that run none are left out."""
    return {row.tenant: row.running for row in db.execute(_count_running)}


def _next_of(db: sa.Connection, tenant: str, now: datetime) -> str | None:
    new = db.execute(_next_new, {"of_tenant": tenant}).all()
    again = db.execute(_next_again, {"of_tenant": tenant, "now": now}).all()
    best = min((*new, *again), key=lambda row: (-row.priority, row.id), default=None)
    return best.id if best else None
