"""Which exports a claim takes: tenants in their turn, each one's own by priority and age.

What waits is found by its requirement first: what a worker cannot do costs a claim one step a requirement, however many
exports and tenants it is of.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.api.domain.fairness import Shares, Turn, first
from services.api.domain.leases import Ability
from services.api.domain.states import Event, State, sources, target
from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import exports, in_states, tenants
from services.contract.capabilities import requirement_in

MAX_RETRIES_COMPARED = 100
"""Of a tenant's exports of one requirement that are due again, so many of the longest due are compared by priority."""

_MAX_REQUIREMENTS = 10_000
"""In one statement; what a worker can do of more than these takes several."""

_c = exports.c
_queued = in_states({State.QUEUED})
_failed = in_states({target(Event.FAIL)})
_running = in_states(sources(Event.RELEASE))
_now = sa.bindparam("now", type_=UtcTime)
_of_line = (_c.requirement == sa.bindparam("of_requirement"), _c.tenant == sa.bindparam("of_tenant"))
_not_kept = sa.or_(
    _c.given_back_by.is_(None),
    _c.given_back_by != sa.bindparam("kept_from"),
    _c.update_time <= sa.bindparam("kept_since", type_=UtcTime),
)


def _requirements(of: sa.ColumnElement[bool]) -> sa.CTE:
    """One step along the index a requirement, however many exports have it; the last step leads to none."""
    start = sa.select(sa.func.min(_c.requirement).label("requirement")).where(of).cte("requirements", recursive=True)
    after = sa.select(sa.func.min(_c.requirement)).where(of, _c.requirement > start.c.requirement).scalar_subquery()
    return start.union_all(sa.select(after).where(start.c.requirement.is_not(None)))


def _needs_of(of: sa.ColumnElement[bool]) -> sa.Select[str, str]:
    """Every requirement that waits, with its needs."""
    found = _requirements(of)
    needs = sa.select(_c.needs).where(of, _c.requirement == found.c.requirement).limit(1).scalar_subquery()
    return sa.select(found.c.requirement, needs.label("needs")).where(found.c.requirement.is_not(None))


def _lines(of: sa.ColumnElement[bool]) -> sa.CTE:
    """Of some requirements one step along the index a tenant; the last step of each leads to none."""
    found = _requirements(of)
    tenant = sa.select(sa.func.min(_c.tenant)).where(of, _c.requirement == found.c.requirement).scalar_subquery()
    wanted = found.c.requirement.in_(sa.bindparam("wanted", expanding=True))
    start = sa.select(found.c.requirement, tenant.label("tenant")).where(wanted).cte("lines", recursive=True)
    same = (_c.requirement == start.c.requirement, _c.tenant > start.c.tenant)
    after = sa.select(sa.func.min(_c.tenant)).where(of, *same).scalar_subquery()
    return start.union_all(sa.select(start.c.requirement, after).where(start.c.tenant.is_not(None)))


def _turns_of(lines: sa.CTE) -> sa.Select[Any]:
    on_their_way = lines.outerjoin(tenants, tenants.c.tenant == lines.c.tenant)
    place = (sa.func.coalesce(tenants.c[name], 0).label(name) for name in ("vtime", "served"))
    return (
        sa.select(lines.c.requirement, lines.c.tenant, *place)
        .select_from(on_their_way)
        .where(lines.c.tenant.is_not(None))
    )


_failed_lines = _lines(_failed)
_first_due = (
    sa.select(sa.func.min(_c.next_attempt_time))
    .where(_failed, _c.requirement == _failed_lines.c.requirement, _c.tenant == _failed_lines.c.tenant)
    .scalar_subquery()
)
_needs = (_needs_of(_queued), _needs_of(_failed))
_waiting = (_turns_of(_lines(_queued)), _turns_of(_failed_lines).where(_first_due <= _now))
_count_running = sa.select(_c.tenant, sa.func.count().label("running")).where(_running).group_by(_c.tenant)
_present = sa.select(sa.func.max(tenants.c.served))
_next_new = (
    sa.select(_c.id, _c.requirement, _c.priority)
    .where(_queued, *_of_line, _not_kept)
    .order_by(_c.priority.desc(), _c.id)
    .limit(1)
)
_next_again = (
    sa.select(_c.id, _c.requirement, _c.priority)
    .where(_failed, *_of_line, _c.next_attempt_time <= _now)
    .order_by(_c.next_attempt_time, _c.id)
    .limit(MAX_RETRIES_COMPARED)
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """An export to lease, with the key of its requirement."""

    export_id: str
    requirement: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Of what waits the requirements that one worker may be handed: each with the worker that what it gave back lately
    is kept from, which is the asking one where another could build it, and empty elsewhere.
    """

    kept_from: dict[str, str]
    kept_since: datetime
    now: datetime

    def chunks(self) -> Iterator[list[str]]:
        """The keys."""
        keys = [*self.kept_from]
        return (keys[start : start + _MAX_REQUIREMENTS] for start in range(0, len(keys), _MAX_REQUIREMENTS))


@dataclass(slots=True)
class _Line:
    """The tenants that wait, as one claim sees them, each with the requirements of what it waits for."""

    turns: dict[str, Turn] = field(default_factory=dict)
    requirements: dict[str, dict[str, None]] = field(default_factory=dict)
    running: dict[str, int] = field(default_factory=dict)
    present: int = 0


class Turns:
    """Tenants in their turn, by the shares of `fairness`. `avoidance`: see LeasePolicy."""

    def __init__(self, sql: Statements, fairness: Shares, avoidance: timedelta) -> None:
        self._take = sql.take_turn
        self._fairness = fairness
        self._avoidance = avoidance

    def in_turn(self, db: sa.Connection, now: datetime, worker_id: str, ability: Ability) -> Iterator[Chosen]:
        """What to lease, as long as there is some. Each must be leased before the next is asked for."""
        wanted = self._wanted(db, now, worker_id, ability)
        line = self._line(db, wanted)
        while line.turns:
            tenant = first(line.turns, line.present)
            chosen = _next_of(db, tenant, line.requirements[tenant], wanted)
            if chosen is None:
                del line.turns[tenant]
                continue
            self._note(db, line, tenant)
            yield chosen

    def _wanted(self, db: sa.Connection, now: datetime, worker_id: str, ability: Ability) -> _Wanted:
        waiting = {row.requirement: row.needs for query in _needs for row in db.execute(query)}
        required = {key: requirement_in(needs) for key, needs in waiting.items()}
        kept_from = {
            key: worker_id if ability.others_could(requirement) else ""
            for key, requirement in required.items()
            if ability.may_have(requirement)
        }
        return _Wanted(kept_from, now - self._avoidance, now)

    def _line(self, db: sa.Connection, wanted: _Wanted) -> _Line:
        """Only tenants that something can be taken of: the others would be looked at one by one."""
        line = _Line(running=running(db), present=db.execute(_present).scalar() or 0)
        for row in _rows(db, wanted):
            if not self._fairness.capped(row.tenant, line.running.get(row.tenant, 0)):
                line.turns[row.tenant] = Turn(row.vtime, row.served)
                line.requirements.setdefault(row.tenant, {})[row.requirement] = None
        return line

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


def _rows(db: sa.Connection, wanted: _Wanted) -> Iterator[Any]:
    queued, failed = _waiting
    for keys in wanted.chunks():
        yield from db.execute(queued, {"wanted": keys})
        yield from db.execute(failed, {"wanted": keys, "now": wanted.now})


def _next_of(db: sa.Connection, tenant: str, requirements: Iterable[str], wanted: _Wanted) -> Chosen | None:
    due = [row for key in requirements for row in _first_of(db, tenant, key, wanted)]
    best = min(due, key=lambda row: (-row.priority, row.id), default=None)
    return Chosen(best.id, best.requirement) if best else None


def _first_of(db: sa.Connection, tenant: str, key: str, wanted: _Wanted) -> Sequence[Any]:
    of = {"of_tenant": tenant, "of_requirement": key}
    kept = {"kept_from": wanted.kept_from[key], "kept_since": wanted.kept_since}
    return [*db.execute(_next_new, {**of, **kept}), *db.execute(_next_again, {**of, "now": wanted.now})]
