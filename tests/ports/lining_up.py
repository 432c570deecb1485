"""The line as the exports have it: what tests put there, and what they hold a store's line against."""

from collections.abc import Iterable

import sqlalchemy as sa

from services.api.domain.fairness import BEHIND
from services.api.domain.states import LEASABLE, State
from services.api.storage.sql.tables import Place, exports, in_states, line, tenants

BEFORE_ITS_TURN = "stands in the line before its turn"
"""The end of the fault that a race may leave behind: see `stranded`."""

_c = exports.c
_any_queued = sa.func.max(sa.case((_c.state == State.QUEUED, 1), else_=0)) == 1
_place = sa.case((_any_queued, "WAITING"), else_="LATER")
_present = sa.select(sa.func.coalesce(sa.func.max(tenants.c.served), 0)).scalar_subquery()
_rows = (
    sa.select(
        _c.tenant,
        _c.requirement,
        sa.func.max(_c.needs).label("needs"),
        sa.func.coalesce(sa.func.max(tenants.c.vtime), 0).label("vtime"),
        _place.label("place"),
        sa.func.min(_c.next_attempt_time).label("due"),
        _present.label("present"),
    )
    .select_from(exports.outerjoin(tenants, tenants.c.tenant == _c.tenant))
    .where(in_states(LEASABLE))
    .group_by(_c.tenant, _c.requirement)
)


def line_up(db: sa.Connection) -> None:
    """After exports were written past the store."""
    db.execute(sa.delete(line))
    columns = ("tenant", "requirement", "needs", "vtime", "place", "due")
    rows = _rows.subquery()
    db.execute(sa.insert(line).from_select([*columns], sa.select(*(rows.c[name] for name in columns))))


def strayed(db: sa.Connection) -> list[str]:
    """What is wrong with the line: rows that it lacks, in which nobody would look in time, or out of order."""
    there = {(row.tenant, row.requirement): row for row in db.execute(sa.select(line))}
    return [fault for row in db.execute(_rows) if (fault := _fault(row, there.get((row.tenant, row.requirement))))]


def stranded(faults: Iterable[str]) -> list[str]:
    """What may keep somebody waiting, of the faults of a line that many have just written at the same time.

    A row that is put into the line while a claim moves its tenant on keeps the earlier turn until the next one.
    """
    return [fault for fault in faults if not fault.endswith(BEFORE_ITS_TURN)]


def _fault(due: sa.Row, row: sa.Row | None) -> str:
    if row is None:
        return f"{due.tenant} waits and is not in the line"
    if due.place == "WAITING" and row.place is Place.LATER:
        return f"{due.tenant} waits and is not looked at"
    if due.due is not None and (row.due is None or row.due > due.due):
        return f"{due.tenant} is due again before that is looked at"
    if row.needs == due.needs and row.vtime < due.vtime:
        return f"{due.tenant} {BEFORE_ITS_TURN}"
    if row.needs != due.needs or row.vtime > max(due.vtime, due.present + BEHIND):
        return f"{due.tenant} stands elsewhere in the line than its turn is"
    return ""
