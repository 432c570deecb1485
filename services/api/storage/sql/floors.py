"""Where a claim begins to read the line: at the head, or at a floor below which nobody waits.

A tenant that moves on in the line leaves an old entry in the index behind. While anybody holds an old snapshot of the
database, PostgreSQL keeps these entries, all of them before the head, and each claim that begins at the front walks
over them. So each process remembers a floor for each requirement, and begins there.

Nobody waits below a floor, whatever other transactions do:

- Whoever comes to the line stands behind the present (see line.py), and the present only moves on.
- A transaction may have read an older present and not have committed yet. So a place behind the present becomes the
  entrance, where those who come to the line stand at the earliest, once all transactions are over that were in progress
  when a claim read that present. They had written before they read theirs, so the database knows them as writers.
- The floor of a requirement is the entrance, or its head if that is earlier. It only rises by what a transaction has
  read before it wrote, so it does not matter whether that transaction commits.

A floor is never needed: a claim without one reads from the front, as do the first claim of a process and one of
MAX_CLAIMS_FROM_FLOORS claims. So no mistake here can keep a tenant waiting for good.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from services.api.domain.fairness import BEHIND
from services.api.storage.sql import reading_line
from services.api.storage.sql.database import Dialect
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.reading_line import Head
from services.api.storage.sql.tables import Place, at, line, tenants

MAX_CLAIMS_FROM_FLOORS = 1_000
"""How many claims in a row begin at the floors."""

MAX_REQUIREMENTS = 256
"""How many floors are remembered of requirements for which nobody waits."""

Floor = tuple[int, str]
"""A place in the line, virtual time and tenant: nobody waits before it."""

_FRONT = (0, "")
_FIRST, _AFTER_ALL = "", "g"
"""Before and after all keys of requirements, which are hexadecimal digits."""

_KNOWN: Mapping[str, sa.types.TypeEngine[Any]] = {
    "requirement": sa.Text(),
    "before": sa.Text(),
    "vtime": sa.BigInteger(),
    "tenant": sa.Text(),
}

_l = line.c
_waiting = at(Place.WAITING)
_present = sa.select(sa.func.coalesce(sa.func.max(tenants.c.served), 0)).scalar_subquery().label("present")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a claim saw: the present, and what other transactions may still do (see `Dialect.horizon`)."""

    present: int
    server: str = ""
    oldest: int = 0
    next: int = 0
    is_unwritten: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Queries:
    seen: Prepared
    heads: Prepared


@cache
def _queries(dialect: Dialect) -> _Queries:
    return _Queries(Prepared(sa.select(_present, *dialect.horizon)), Prepared(_heads(dialect)))


def _heads(dialect: Dialect) -> sa.Select[Any]:
    """Select the head of each known requirement from its floor on, and any unknown requirement between two of them."""
    known = dialect.rows_given("known", _KNOWN)
    first = sa.select(_l.needs, _l.vtime, _l.tenant).order_by(_l.vtime, _l.tenant).limit(1)
    floor = sa.tuple_(_l.vtime, _l.tenant) >= sa.tuple_(known.c.vtime, known.c.tenant)
    head = first.where(_waiting, _l.requirement == known.c.requirement, floor).lateral("head")
    between = (_l.requirement > known.c.requirement, _l.requirement < known.c.before)
    unknown = sa.select(_l.requirement).where(_waiting, *between).order_by(_l.requirement).limit(1).scalar_subquery()
    columns = (known.c.requirement, head.c.needs, head.c.vtime, head.c.tenant, unknown.label("unknown"))
    return sa.select(*columns).select_from(known.outerjoin(head, sa.true()))


class Floors:
    """The floors that one store remembers. Of an engine with one writer there are none: it keeps no old entries."""

    def __init__(self, dialect: Dialect) -> None:
        self._has_floors = not dialect.one_writer
        self._queries = _queries(dialect)
        self._known: dict[str, Floor] = {}
        self._claims = 0
        self._entrance = _FRONT
        self._last: _Seen | None = None
        self._may_rise = False

    def present(self, db: sa.Connection) -> int:
        """Return when the last job of any tenant began, in virtual time. Must be called before `heads`."""
        seen = _Seen(**(self._queries.seen.first(db, {}) or {}))
        self._may_rise = self._has_floors and seen.is_unwritten
        if self._may_rise:
            self._move_entrance(seen)
        return seen.present

    def _move_entrance(self, seen: _Seen) -> None:
        last = self._last
        if last is None or seen.server != last.server or seen.present < last.present:
            self._known, self._entrance, self._last = {}, _FRONT, seen  # not the database that it was
        elif last.next <= seen.oldest:
            self._entrance, self._last = (last.present + BEHIND, ""), seen

    def heads(self, db: sa.Connection) -> Sequence[Head]:
        """Return the head of each requirement for which somebody waits."""
        self._claims += 1
        if self._claims > MAX_CLAIMS_FROM_FLOORS:
            self._known, self._claims = {}, 0
        heads = self._from_floors(db)
        if heads is None:
            heads = reading_line.heads(db)
        if self._may_rise:
            self._rise(heads)
        return heads

    def _from_floors(self, db: sa.Connection) -> Sequence[Head] | None:
        """Return the heads from the floors on; None if nothing is known, or if not every requirement is."""
        if not self._known:
            return None
        rows = self._queries.heads.all(db, {"known": json.dumps(self._ranges())})
        if any(row["unknown"] is not None for row in rows):
            return None
        return [
            Head(row["requirement"], row["needs"], row["vtime"], row["tenant"])
            for row in rows
            if row["tenant"] is not None
        ]

    def _ranges(self) -> list[tuple[str, str, int, str]]:
        """Return each known requirement, the next known one, and its floor."""
        return [(one, other, *self._known[one]) for one, other in pairwise([*sorted(self._known), _AFTER_ALL])]

    def _rise(self, heads: Iterable[Head]) -> None:
        first = {head.requirement: (head.vtime, head.tenant) for head in heads}
        names = {_FIRST, *first, *self._known}
        if len(names) > MAX_REQUIREMENTS:
            names = {_FIRST, *first}
        self._known = {name: min(first.get(name, self._entrance), self._entrance) for name in names}
