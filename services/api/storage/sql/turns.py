"""Which exports a claim takes: tenants take turns, and the exports of one tenant go by priority, then by age.

A claim reads the line of each requirement that its worker meets, from the head (see floors.py), and only as many
tenants as it still hands out jobs. Other waiting exports, tenants and requirements cost nothing. It writes after it has
chosen.
"""

import heapq
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa

from services.api.domain.fairness import Shares, Turn
from services.api.domain.leases import Ability
from services.api.storage.sql import reading_line
from services.api.storage.sql.database import Dialect
from services.api.storage.sql.floors import Floors
from services.api.storage.sql.line import LineKey, line_of
from services.api.storage.sql.listed import Listed, Types
from services.api.storage.sql.reading_line import Candidate, Front, Head, Kept, NewExports, Wanted
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import tenants
from services.contract.capabilities import requirement_in

Place = tuple[int, str]
"""A place in the order of turns: virtual time and tenant."""


PollKey = tuple[str, str]
"""The key of a poll: its worker and its id."""

MAX_JOBS_TOGETHER = 256
"""How many jobs are chosen at once for several polls.

Each has a specification of some kilobytes, rarely of some hundred.
"""

MIN_READ = 4
"""How many exports of a tenant are read at once, at least."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A poll: its worker, the abilities of the worker, the number of exports it asks for, and the time."""

    worker_id: str
    poll_id: str
    ability: Ability
    limit: int
    now: datetime

    @property
    def key(self) -> PollKey:
        return self.worker_id, self.poll_id


@dataclass(slots=True)
class Choice:
    """What a claim takes, in order, and what results from it.

    `turns` are the resulting turns, `capped` the tenants that then reach their caps, and `looked_at` the rows of the
    line that may have become empty. `tenants` are the tenants of the taken exports, `begun` their turns before, and
    `present` the present before.
    """

    present: int = 0
    taken: list[Candidate] = field(default_factory=list)
    tenants: list[str] = field(default_factory=list)
    begun: dict[str, Turn] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    capped: set[str] = field(default_factory=set)
    looked_at: set[LineKey] = field(default_factory=set)


_TURN: Types = {name: tenants.c[name].type for name in ("tenant", "vtime", "served")}


@cache
def _taking(sql: Statements) -> Listed:
    turn = sa.select(*(sa.bindparam(name, type_=type_) for name, type_ in _TURN.items()))
    return Listed.inserting(sql.dialect, sql.take_turn, [*_TURN], turn, _TURN)


@cache
def _new_exports(dialect: Dialect) -> NewExports:
    return NewExports(dialect)


class Turns:
    """Lets tenants take turns, by the shares of `fairness`. `avoidance`: see LeasePolicy."""

    def __init__(self, sql: Statements, fairness: Shares, avoidance: timedelta) -> None:
        self._take = _taking(sql)
        self._dialect = sql.dialect
        self._line = line_of(sql.dialect)
        self._fairness = fairness
        self._avoidance = avoidance
        self._floors = Floors(sql.dialect)
        self._new = _new_exports(sql.dialect)
        self._edition: int | None = None

    @property
    def edition(self) -> int:
        """The edition of the current shares."""
        return self._fairness.edition

    def heeded(self, edition: int) -> None:
        """Record that a durable claim was decided with the shares of this edition."""
        self._edition = edition

    def in_one_go(self, db: sa.Connection, polls: Sequence[Asked]) -> Iterator[Sequence[Asked]]:
        """Yield groups of consecutive polls that may be given the same exports.

        Polls are served separately if anything given back must be kept from one of them.
        """
        apart = len(polls) > 1 and any(poll.ability.others for poll in polls) and reading_line.any_given_back(db)
        together: list[Asked] = []
        for poll in polls:
            jobs = sum(each.limit for each in together) + poll.limit
            if together and (apart or poll.ability != together[0].ability or jobs > MAX_JOBS_TOGETHER):
                yield together
                together = []
            together.append(poll)
        if together:
            yield together

    def choose(self, db: sa.Connection, polls: Sequence[Asked], now: datetime) -> Choice:
        """Return what to lease; the first poll is served first.

        `settle` must be called afterwards in the same transaction, and `leave` after all choices of the transaction.
        """
        present = self._floors.present(db)
        if self._edition != self.edition:
            self._line.all_freed(db)
        self._line.those_due(db, now)
        together = replace(polls[0], limit=sum(poll.limit for poll in polls), now=now)
        named = together.ability.own.tenants
        heads = reading_line.rows_of(db, named) if named else self._floors.heads(db)
        lanes = [*_lanes(heads, together, now - self._avoidance)]
        return _Choosing(db, self._new, together, self._fairness, present, lanes).all()

    def settle(self, db: sa.Connection, choice: Choice, leased: Collection[str]) -> None:
        """Store the turns after the chosen exports, or at least the exports `leased`, were leased."""
        turns = choice.turns if len(leased) == len(choice.taken) else self._turns_of(choice, leased)
        rows = ({"tenant": name, "vtime": turn.vtime, "served": turn.served} for name, turn in sorted(turns.items()))
        self._take.run(db, rows)
        self._line.moved(db, turns)

    def _turns_of(self, choice: Choice, leased: Collection[str]) -> dict[str, Turn]:
        """Return the turns as if only these exports had been chosen: another process was about to end the others."""
        turns: dict[str, Turn] = {}
        present = choice.present
        for candidate, tenant in zip(choice.taken, choice.tenants, strict=True):
            if candidate.export_id in leased:
                before = turns.get(tenant, choice.begun[tenant])
                turns[tenant] = before.taken(present, self._fairness.share(tenant).weight)
                present = turns[tenant].served
        return turns

    def leave(self, db: sa.Connection, choices: Iterable[Choice]) -> None:
        """Remove tenants from the line that have nothing waiting or reached their caps.

        Must be the last step of a transaction.
        """
        choices = [*choices]
        self._line.capped(db, self._capped({name for choice in choices for name in choice.capped}, db))
        self._line.look_again(db, {row for choice in choices for row in choice.looked_at})

    def _capped(self, names: Collection[str], db: sa.Connection) -> Iterator[str]:
        """Yield the tenants that are still at their caps. From now on no end of one of their exports can be missed."""
        for name in self._dialect.may_leave_line(db, names):
            cap = self._fairness.share(name).max_running
            if self._dialect.one_writer or self._fairness.capped(name, reading_line.running(db, name, cap)):
                yield name


@dataclass(slots=True, eq=False)
class _Lane:
    """The line of one requirement, read from its head. With `is_one_row` it is only the row of one tenant."""

    requirement: str
    kept: Kept
    head: Place | None
    is_one_row: bool = False
    _fronts: deque[Front] = field(default_factory=deque)
    _after: Place | None = None

    def is_of(self, tenant: str) -> bool:
        """Whether it may have a row of this tenant."""
        return not self.is_one_row or (self.head is not None and self.head[1] == tenant)

    def take(self, db: sa.Connection, place: Place, most: int) -> Front:
        """Return the row at the head, which is at this place. `most` is how many more exports may be taken."""
        if not self._fronts:
            self._read(db, place, most)
        front = self._fronts.popleft()
        self.head = self._fronts[0].place if self._fronts else self._after
        return front

    def _read(self, db: sa.Connection, begin: Place, most: int) -> None:
        wanted = 1 if self.is_one_row else most + 1
        self._fronts.extend(reading_line.fronts(db, self.requirement, self.kept, begin, wanted))
        self._after = self._fronts.pop().place if len(self._fronts) > most else None


@dataclass(slots=True)
class _Own:
    """The exports of one tenant with one requirement."""

    tenant: str
    lane: _Lane
    due: datetime | None
    new: deque[Candidate]
    is_all: bool
    again: list[Candidate] | None = None
    taken: set[str] = field(default_factory=set)

    @property
    def key(self) -> LineKey:
        return self.tenant, self.lane.requirement

    @property
    def needs_more(self) -> bool:
        """Whether it must be read which of its new exports come next."""
        return not (self.new or self.is_all)

    def wanted(self, most: int) -> Wanted:
        """Return what to read for its next exports, at most `most`: the taken ones are still there."""
        return Wanted(self.key, self.lane.kept, most + len(self.taken))

    def extend(self, wanted: Wanted, candidates: Sequence[Candidate]) -> None:
        """Add what was read."""
        self.is_all = len(candidates) < wanted.most
        self.new.extend(each for each in candidates if each.export_id not in self.taken)

    def first(self, db: sa.Connection, now: datetime) -> Candidate | None:
        """Return the best due export; None if there is none. It must not need more."""
        if self.again is None and self.due is not None and self.due <= now:
            candidates = reading_line.again(db, self.key, now, len(self.taken))
            self.again = [each for each in candidates if each.export_id not in self.taken]
        return min([*(self.again or ()), *([self.new[0]] if self.new else ())], default=None)

    def take(self, candidate: Candidate) -> None:
        self.taken.add(candidate.export_id)
        if self.new and self.new[0] == candidate:
            self.new.popleft()
        else:
            self.again = None  # the next comparison may include another export


@dataclass(slots=True)
class _Waiting:
    """A tenant that the claim has met."""

    turn: Turn
    running: int
    own: list[_Own]


class _Choosing:
    """The choice of one claim. It only reads."""

    def __init__(  # noqa: PLR0917
        self,
        db: sa.Connection,
        new: NewExports,
        asked: Asked,
        fairness: Shares,
        present: int,
        lanes: Sequence[_Lane],
    ) -> None:
        self._db = db
        self._new = new
        self._asked = asked
        self._fairness = fairness
        self._choice = Choice(present)
        self._lanes = lanes
        self._present = present
        self._met: dict[str, _Waiting] = {}
        self._again: list[Place] = []

    def all(self) -> Choice:
        while self._left and (place := self._next_place()):
            if waiting := self._meet(place):
                self._serve(place[1], waiting)
        return self._choice

    @property
    def _left(self) -> int:
        return self._asked.limit - len(self._choice.taken)

    def _next_place(self) -> Place | None:
        heads = (lane.head for lane in self._lanes if lane.head is not None)
        return min([*heads, *self._again[:1]], default=None)

    def _meet(self, place: Place) -> _Waiting | None:
        """Return the tenant at this place; None if it is a place of a tenant that was met at an earlier one."""
        if self._again and self._again[0] == place:
            heapq.heappop(self._again)
            return self._met[place[1]]
        vtime, tenant = place
        fronts = {lane: lane.take(self._db, place, self._left) for lane in self._lanes if lane.head == place}
        own = [_own(tenant, lane, front) for lane, front in fronts.items()]
        if tenant in self._met:
            return self._met_again(tenant, own)
        if any(front.is_apart for front in fronts.values()):
            own += self._elsewhere(tenant, {lane.requirement for lane in fronts})
        self._choice.begun[tenant] = Turn(vtime)
        waiting = self._met[tenant] = _Waiting(Turn(vtime), self._running(tenant), own)
        return waiting

    def _elsewhere(self, tenant: str, here: Collection[str]) -> Iterator[_Own]:
        """Yield what a tenant has in its other rows, which have other places."""
        rows = reading_line.rows_with_due(self._db, tenant)
        for lane in self._lanes:
            if lane.requirement in rows and lane.requirement not in here and lane.is_of(tenant):
                yield _Own(tenant, lane, rows[lane.requirement], deque(), is_all=False)

    def _met_again(self, tenant: str, own: Sequence[_Own]) -> _Waiting | None:
        waiting = self._met[tenant]
        known = {each.lane.requirement for each in waiting.own}
        new = [each for each in own if each.lane.requirement not in known]
        waiting.own += new
        comes_again = any(name == tenant for _, name in self._again)
        return waiting if new and not comes_again else None

    def _running(self, tenant: str) -> int:
        cap = self._fairness.share(tenant).max_running
        return reading_line.running(self._db, tenant, cap) if cap else 0

    def _serve(self, tenant: str, waiting: _Waiting) -> None:
        if self._is_capped(tenant, waiting):
            return
        candidates = [(first, own) for own in waiting.own if (first := self._first(own))]
        if not candidates:
            self._choice.looked_at |= {own.key for own in waiting.own}
            return
        best, own = min(candidates, key=lambda pair: pair[0])
        own.take(best)
        self._choice.taken.append(best)
        self._choice.tenants.append(tenant)
        self._choice.looked_at.add(own.key)
        self._moves_on(tenant, waiting)

    def _first(self, own: _Own) -> Candidate | None:
        if own.needs_more:
            self._read_more(own)
        return own.first(self._db, self._asked.now)

    def _read_more(self, own: _Own) -> None:
        """Read the next exports of this row, and of the other rows that need more before their tenants come again."""
        rows = {own.key: own}
        for _, tenant in self._again:
            rows |= {each.key: each for each in self._met[tenant].own if each.needs_more}
        share = max(MIN_READ, 2 * self._left // len(rows))
        wanted = [each.wanted(min(self._left, max(share, len(each.taken)))) for each in rows.values()]
        for each, read, candidates in zip(rows.values(), wanted, self._new.first(self._db, wanted), strict=True):
            each.extend(read, candidates)

    def _moves_on(self, tenant: str, waiting: _Waiting) -> None:
        turn = waiting.turn.taken(self._present, self._fairness.share(tenant).weight)
        waiting.turn = self._choice.turns[tenant] = turn
        waiting.running += 1
        self._present = turn.served
        if not self._is_capped(tenant, waiting):
            heapq.heappush(self._again, (turn.vtime, tenant))

    def _is_capped(self, tenant: str, waiting: _Waiting) -> bool:
        capped = self._fairness.capped(tenant, waiting.running)
        if capped:
            self._choice.capped.add(tenant)
        return capped


def _own(tenant: str, lane: _Lane, front: Front) -> _Own:
    first = front.first
    return _Own(tenant, lane, front.due, deque([first] if first else ()), is_all=first is None)


def _lanes(heads: Iterable[Head], asked: Asked, kept_since: datetime) -> Iterator[_Lane]:
    """Yield the lines, which have these heads, of the requirements that the worker meets.

    Exports that the worker gave back recently are kept from it if another worker could build them.
    """
    is_one_row = bool(asked.ability.own.tenants)
    for head in heads:
        requirement = requirement_in(head.needs)
        if asked.ability.may_have(requirement, head.tenant):
            kept_from = asked.worker_id if asked.ability.others_could(requirement, head.tenant) else ""
            place = head.vtime, head.tenant
            yield _Lane(head.requirement, Kept(kept_from, kept_since), place, is_one_row=is_one_row)
