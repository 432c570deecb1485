"""The queries of a claim: the rows of the line, and the first exports of each tenant."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.api.domain.states import Event, State, sources, target
from services.api.storage.sql.column_types import UtcTime
from services.api.storage.sql.database import Dialect
from services.api.storage.sql.line import LineKey
from services.api.storage.sql.listed import Types, plain
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.rows import Row
from services.api.storage.sql.tables import Place, at, exports, in_states, line

MAX_RETRIES_COMPARED = 100
"""How many due retries of a tenant and requirement, the longest due first, are compared by priority."""

_c, _l = exports.c, line.c
_queued = in_states({State.QUEUED})
_failed = in_states({target(Event.FAIL)})
_running = in_states(sources(Event.RELEASE))
_waiting = at(Place.WAITING)
_requirement = sa.bindparam("of_requirement", type_=sa.Text)
_most = sa.bindparam("most", type_=sa.Integer)
_own = (_c.requirement == _requirement, _c.tenant == sa.bindparam("of_tenant"))
_not_kept = sa.or_(
    _c.given_back_by.is_(None),
    _c.given_back_by != sa.bindparam("kept_from"),
    _c.update_time <= sa.bindparam("kept_since", type_=UtcTime),
)
_by_priority = (_c.priority.desc(), _c.id)


@dataclass(frozen=True, slots=True)
class Head:
    """The first row of a requirement in the line."""

    requirement: str
    needs: str
    vtime: int
    tenant: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The exports that a worker gave back since a time and that are kept from it.

    If the id is empty, nothing is kept.
    """

    worker_id: str
    since: datetime


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """An export that may be leased. The smallest one is leased first."""

    minus_priority: int
    export_id: str
    requirement: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Front:
    """A row of the line, with the first of its exports that was never attempted.

    `is_apart` says that other rows of its tenant have other places. They came to the line when the present was another.
    """

    place: tuple[int, str]
    due: datetime | None
    first: Candidate | None
    is_apart: bool


def _heads() -> sa.Select[Any]:
    """Select the head of each requirement, with one index step per requirement, however many tenants wait."""
    first = sa.select(sa.func.min(_l.requirement).label("requirement")).where(_waiting)
    requirements = first.cte("requirements", recursive=True)
    after = sa.select(sa.func.min(_l.requirement)).where(_waiting, _l.requirement > requirements.c.requirement)
    requirements = requirements.union_all(
        sa.select(after.scalar_subquery()).where(requirements.c.requirement.is_not(None))
    )
    other = line.alias("other")

    def of_head(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """Select a column of the head by an index step of its own: a join might read the whole line."""
        there = sa.and_(at(Place.WAITING, other), other.c.requirement == requirements.c.requirement)
        by_turn = sa.select(other.c[column.name]).where(there).order_by(other.c.vtime, other.c.tenant)
        return by_turn.limit(1).scalar_subquery().label(column.name)

    heads = (of_head(column) for column in (_l.needs, _l.vtime, _l.tenant))
    return sa.select(requirements.c.requirement, *heads).where(requirements.c.requirement.is_not(None))


def _fronts() -> sa.Select[Any]:
    first = exports.alias("first")
    of_row = (_c.requirement == _l.requirement, _c.tenant == _l.tenant)
    first_id = sa.select(_c.id).where(_queued, *of_row, _not_kept).order_by(*_by_priority).limit(1).scalar_subquery()
    begin = sa.tuple_(sa.bindparam("from_vtime", type_=sa.BigInteger), sa.bindparam("from_tenant", type_=sa.Text))
    place = (_l.vtime, _l.tenant)
    other = line.alias("other")
    of_other = (other.c.tenant == _l.tenant, other.c.requirement != _l.requirement, other.c.vtime != _l.vtime)
    is_apart = sa.exists().where(*of_other, at(Place.WAITING, other)).label("is_apart")
    return (
        sa.select(*place, _l.due, first.c.id, first.c.priority, is_apart)
        .select_from(line.outerjoin(first, first.c.id == first_id))
        .where(_waiting, _l.requirement == _requirement, sa.tuple_(*place) >= begin)
        .order_by(*place)
        .limit(_most)
    )


_rows_of = sa.select(_l.requirement, _l.needs, _l.vtime, _l.tenant).where(
    _waiting, _l.tenant.in_(sa.bindparam("of_tenants", expanding=True))
)
_find_own = Prepared(sa.select(_l.requirement, _l.due).where(_waiting, _l.tenant == sa.bindparam("of_tenant")))
_find_heads, _find_fronts = Prepared(_heads()), Prepared(_fronts())
_find_new = Prepared(
    sa.select(_c.id, _c.priority).where(_queued, *_own, _not_kept).order_by(*_by_priority).limit(_most)
)
_WANTED: Types = {
    **dict.fromkeys(("of_tenant", "of_requirement", "kept_from"), sa.Text()),
    "kept_since": UtcTime(),
    "most": sa.Integer(),
}


def _new_of_several(dialect: Dialect) -> sa.Select[Any]:
    """Select the first new exports of several rows of the line, in no particular order."""
    wanted = dialect.rows_given("wanted", {"place": sa.Integer(), **_WANTED})
    own = (_c.tenant == wanted.c.of_tenant, _c.requirement == wanted.c.of_requirement)
    given_back = sa.or_(_c.given_back_by.is_(None), _c.given_back_by != wanted.c.kept_from)
    not_kept = sa.or_(given_back, _c.update_time <= wanted.c.kept_since)
    best_first = sa.select(_c.id, _c.priority).where(_queued, *own, not_kept).order_by(*_by_priority)
    first = best_first.limit(wanted.c.most).lateral("first")
    return sa.select(wanted.c.place, first.c.id, first.c.priority).select_from(wanted.join(first, sa.true()))


_find_again = Prepared(
    sa.select(_c.id, _c.priority)
    .where(_failed, *_own, _c.next_attempt_time <= sa.bindparam("now", type_=UtcTime))
    .order_by(_c.next_attempt_time, _c.id)
    .limit(_most)
)
_find_running = sa.select(_c.id).where(_running, _c.tenant == sa.bindparam("of_tenant")).limit(_most)
_count_running = Prepared(sa.select(sa.func.count().label("running")).select_from(_find_running.subquery()))
_given_back = Prepared(
    sa.select(_c.id).where(_c.given_back_by.is_not(None), _c.given_back_by > sa.literal_column("''")).limit(1)
)


def heads(db: sa.Connection) -> list[Head]:
    """Return the head of each requirement for which somebody waits."""
    return [Head(**row) for row in _find_heads.all(db, {})]


def rows_of(db: sa.Connection, names: Collection[str]) -> list[Head]:
    """Of these tenants every row, as if each were the first of its requirement."""
    rows = db.execute(_rows_of, {"of_tenants": sorted(names)}).mappings()
    return [Head(**row) for row in rows]


def rows_with_due(db: sa.Connection, tenant: str) -> dict[str, datetime | None]:
    """Return the requirements of a tenant's rows, each with the time at which a retry is due."""
    return {row["requirement"]: row["due"] for row in _find_own.all(db, {"of_tenant": tenant})}


def fronts(db: sa.Connection, requirement: str, kept: Kept, begin: tuple[int, str], most: int) -> Iterator[Front]:
    """Yield rows of a requirement from a place on, at most `most`."""
    vtime, tenant = begin
    of = {"of_requirement": requirement, "from_vtime": vtime, "from_tenant": tenant, "most": most, **_params(kept)}
    for row in _find_fronts.all(db, of):
        first = None if row["id"] is None else _candidate(row, requirement)
        yield Front((row["vtime"], row["tenant"]), row["due"], first, row["is_apart"])


@dataclass(frozen=True, slots=True)
class Wanted:
    """The first exports of a row of the line that were never attempted: at most `most`, without those kept."""

    key: LineKey
    kept: Kept
    most: int

    def params(self) -> dict[str, Any]:
        """Return the parameters of a query."""
        tenant, requirement = self.key
        return {"of_tenant": tenant, "of_requirement": requirement, "most": self.most, **_params(self.kept)}


class NewExports:
    """Finds exports that were never attempted. Where a query is a way to another machine, several rows share one."""

    def __init__(self, dialect: Dialect) -> None:
        self._several = None if dialect.one_writer else Prepared(_new_of_several(dialect))

    def first(self, db: sa.Connection, wanted: Sequence[Wanted]) -> list[list[Candidate]]:
        """Return the exports of each of these rows, best first."""
        if self._several is None or len(wanted) == 1:
            rows = ((_find_new.all(db, each.params()), each) for each in wanted)
            return [[_candidate(row, each.key[1]) for row in found] for found, each in rows]
        found: list[list[Candidate]] = [[] for _ in wanted]
        given = [
            [place, *(plain(value) for value in map(each.params().get, _WANTED))] for place, each in enumerate(wanted)
        ]
        for row in self._several.all(db, {"wanted": json.dumps(given)}):
            found[row["place"]].append(_candidate(row, wanted[row["place"]].key[1]))
        return [sorted(candidates) for candidates in found]


def again(db: sa.Connection, key: LineKey, now: datetime, passed_over: int) -> list[Candidate]:
    """Return due retries: MAX_RETRIES_COMPARED, and as many more as are skipped."""
    tenant, requirement = key
    most = MAX_RETRIES_COMPARED + passed_over
    of = {"of_tenant": tenant, "of_requirement": requirement, "now": now, "most": most}
    return [_candidate(row, requirement) for row in _find_again.all(db, of)]


def running(db: sa.Connection, tenant: str, most: int) -> int:
    """Return how many exports of a tenant are in PROCESSING, counted up to `most`."""
    return int(_count_running.scalar(db, {"of_tenant": tenant, "most": most}))


def any_given_back(db: sa.Connection) -> bool:
    """Whether any export waits that a worker gave back."""
    return _given_back.first(db, {}) is not None


def _candidate(row: Row, requirement: str) -> Candidate:
    return Candidate(-row["priority"], row["id"], requirement)


def _params(kept: Kept) -> dict[str, Any]:
    return {"kept_from": kept.worker_id, "kept_since": kept.since}
