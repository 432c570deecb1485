"""The line: one row for each tenant and requirement with waiting exports, in the order of virtual time.

A row may be there although nothing waits: the next claim that reads it removes it. The opposite must never happen: a
transaction that makes an export wait also adds the row, and keeps its tenant in the line until it ends. A claim removes
rows only of tenants that no transaction keeps in the line, by a statement that verifies that no export waits.

Whoever comes to the line stands behind the present: no row becomes WAITING with an earlier virtual time. So claims need
not look below where they have once found nobody (see floors.py).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from services.api.domain.export import Export
from services.api.domain.fairness import BEHIND, Turn
from services.api.domain.states import LEASABLE, Event, State, sources, target
from services.api.storage.sql.column_types import UtcTime, to_micros
from services.api.storage.sql.database import Columns, Dialect
from services.api.storage.sql.listed import Listed, Types, in_rounds
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.tables import Place, at, exports, in_states, line, tenants

LineKey = tuple[str, str]
"""The key of a row: a tenant and the key of a requirement."""

_c, _l = exports.c, line.c
_of_tenant = _l.tenant == sa.bindparam("of_tenant")
_of_row = (_of_tenant, _l.requirement == sa.bindparam("of_requirement"))
_same = (_c.tenant == _l.tenant, _c.requirement == _l.requirement)
_new = sa.exists().where(in_states({State.QUEUED}), *_same)
_again = sa.select(sa.func.min(_c.next_attempt_time)).where(in_states({target(Event.FAIL)}), *_same).scalar_subquery()

_BUSY = sources(Event.RELEASE)
_FREES = {event for event in Event if sources(event) & _BUSY and target(event) not in _BUSY}
"""Events after which a tenant that had reached its cap may run one more export."""

_EMPTIES = {Event.CANCEL, Event.RENEW}
"""Events after which an export that waited waits no more. Claims check this themselves, also after a late COMPLETE."""

_entrance = sa.select(sa.func.coalesce(sa.func.max(tenants.c.served), 0) + BEHIND).scalar_subquery()


def _moved_up(vtime: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Return the virtual time with which a tenant comes to the line, given its own."""
    return sa.case((vtime < _entrance, _entrance), else_=vtime)


_waiting, _later = (sa.literal(place, _l.place.type) for place in (Place.WAITING, Place.LATER))
_is_empty = (sa.not_(_new), _again.is_(None))
_stay = (
    sa.update(line)
    .values(due=_again, place=sa.case((at(Place.CAPPED), _l.place), (_new, _waiting), else_=_later))
    .where(*_of_row, sa.or_(sa.not_(_new), _l.due.is_not(None)))
)
_ROW: Types = {"of_tenant": _l.tenant.type, "of_requirement": _l.requirement.type}
_comes_back = sa.update(line).values(place=Place.WAITING, vtime=_moved_up(_l.vtime))
_freed = _comes_back.where(_of_tenant, at(Place.CAPPED))
_all_freed = Prepared(_comes_back.where(at(Place.CAPPED)))
_capped = Prepared(sa.update(line).values(place=Place.CAPPED).where(_of_tenant, at(Place.WAITING)))
_due = Prepared(_comes_back.where(at(Place.LATER), _l.due <= sa.bindparam("now", type_=UtcTime)))
_moved = sa.update(line).values(vtime=sa.bindparam("to_vtime", type_=sa.BigInteger)).where(_of_tenant)
_TENANT: Types = {"of_tenant": _l.tenant.type}


class Line:
    """Writes the line."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        standing = dialect.insert_or_merge(line, _with_new)
        self._stand = Listed.inserting(dialect, standing, _STANDING, _standing(), _NEW)
        self._leave = _leaving(dialect)
        self._stay = Listed.of(dialect, _stay, _ROW)
        self._freed = Listed.of(dialect, _freed, _TENANT)
        self._moved = Listed.of(dialect, _moved, {**_TENANT, "to_vtime": sa.BigInteger()})

    def happened(self, db: sa.Connection, event: Event, changed: Sequence[Export]) -> None:
        """Update the line after an event other than LEASE."""
        if event in _FREES or target(event) in LEASABLE:
            self._dialect.keep_in_line(db, _tenants(changed))
        if event in _FREES:
            self._freed.run(db, ({"of_tenant": tenant} for tenant in _tenants(changed)))
        if target(event) in LEASABLE:
            self._stands(db, changed)
        if event in _EMPTIES and self._dialect.one_writer:
            self.look_again(db, {(export.tenant, export.requirement.key) for export in changed})

    def waits(self, db: sa.Connection, waiting: Sequence[Export]) -> None:
        """Add the tenants of these exports, which are QUEUED or FAILED, to the line."""
        self._dialect.keep_in_line(db, _tenants(waiting))
        self._stands(db, waiting)

    def _stands(self, db: sa.Connection, waiting: Sequence[Export]) -> None:
        places = {_place_of(export): export for export in waiting}
        rows = [_row(export) for _, export in sorted(places.items())]
        in_rounds(
            rows, lambda row: [(row["new_tenant"], row["new_requirement"])], lambda some: self._stand.run(db, some)
        )

    def look_again(self, db: sa.Connection, rows: Iterable[LineKey]) -> None:
        """Remove the rows without waiting exports, and update the due times of the others."""
        rows = sorted(rows)
        may = {*self._dialect.may_leave_line(db, {tenant for tenant, _ in rows})}
        of = [{"of_tenant": tenant, "of_requirement": key} for tenant, key in rows if tenant in may]
        self._leave.run(db, of)
        self._stay.run(db, of)

    def moved(self, db: sa.Connection, turns: Mapping[str, Turn]) -> None:
        """Set the virtual time of tenants that had their turns."""
        self._moved.run(db, ({"of_tenant": tenant, "to_vtime": turns[tenant].vtime} for tenant in sorted(turns)))

    def capped(self, db: sa.Connection, names: Iterable[str]) -> None:
        """Mark tenants that have reached their caps."""
        _capped.run_each(db, ({"of_tenant": tenant} for tenant in sorted(names)))

    def all_freed(self, db: sa.Connection) -> None:
        """Unmark all capped tenants, since the shares have changed."""
        _all_freed.run(db, {})

    def those_due(self, db: sa.Connection, now: Any) -> None:
        """Mark the rows as waiting whose next retry has become due."""
        _due.run(db, {"now": now})


_STANDING = ("tenant", "requirement", "needs", "vtime", "place", "due")
_NEW: Types = {f"new_{name}": _l[name].type for name in _STANDING if name != "vtime"}


@cache
def line_of(dialect: Dialect) -> Line:
    """Return the line in this dialect, always the same object."""
    return Line(dialect)


def _leaving(dialect: Dialect) -> Listed:
    given = dialect.rows_given("given", _ROW)
    rows = sa.tuple_(_l.tenant, _l.requirement).in_(sa.select(given.c.of_tenant, given.c.of_requirement))
    one = Prepared(sa.delete(line).where(*_of_row, *_is_empty)) if dialect.one_writer else None
    return Listed(sa.delete(line).where(rows, *_is_empty), _ROW, one)


def _standing() -> sa.Select[Any]:
    """Return a new row; none if an existing row would not be changed by it, so that this row is not even locked."""
    new: dict[str, sa.ColumnElement[Any]] = {name: sa.bindparam(name, type_=type_) for name, type_ in _NEW.items()}
    new = {name.removeprefix("new_"): value for name, value in new.items()}
    own = sa.select(tenants.c.vtime).where(tenants.c.tenant == new["tenant"]).scalar_subquery()
    as_it_is = sa.exists().where(
        _l.tenant == new["tenant"],
        _l.requirement == new["requirement"],
        sa.or_(new["place"] != _waiting, at(Place.WAITING)),
        sa.or_(new["due"].is_(None), _l.due <= new["due"]),
    )
    values = {**new, "vtime": _moved_up(sa.func.coalesce(own, 0))}
    return sa.select(*(values[name].label(name) for name in _STANDING)).where(sa.not_(as_it_is))


def _with_new(new: Columns) -> Mapping[str, Any]:
    sooner = sa.or_(_l.due.is_(None), new.due < _l.due)
    comes_back = sa.and_(new.place == _waiting, sa.not_(at(Place.WAITING)), _l.vtime < new.vtime)
    return {
        "place": sa.case((new.place == _waiting, new.place), else_=_l.place),
        "vtime": sa.case((comes_back, new.vtime), else_=_l.vtime),
        "due": sa.case((sooner, new.due), else_=_l.due),
    }


def _place_of(export: Export) -> tuple[str, str, int]:
    """Return a key of what an export writes into the line. Keys are sorted in the order in which rows are locked."""
    due = export.next_attempt_time
    return export.tenant, export.requirement.key, to_micros(due) if due else 0


def _row(export: Export) -> dict[str, Any]:
    place = Place.WAITING if export.state is State.QUEUED else Place.LATER
    needs = export.requirement
    return {
        "new_tenant": export.tenant,
        "new_requirement": needs.key,
        "new_needs": needs.text,
        "new_place": place,
        "new_due": export.next_attempt_time,
    }


def _line_key_of(row: Mapping[str, Any]) -> list[LineKey]:
    return [(row["new_tenant"], row["new_requirement"])]


def _tenants(exports: Sequence[Export]) -> list[str]:
    return sorted({export.tenant for export in exports})
