"""Counts of the queue for gauges and operators."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from services.api.domain.states import TERMINAL, Event, State, sources, target
from services.api.ports.figures import Depth, RunningExport, TenantQueue
from services.api.storage.sql.rows import EXPORT_COLUMNS, to_export
from services.api.storage.sql.tables import exports, in_states, tenants, transitions

_NOT_DONE = tuple(state for state in State if state not in TERMINAL)

_c = exports.c
_t = transitions.c
_running = in_states(sources(Event.RELEASE))
_count_running = sa.select(_c.tenant, sa.func.count().label("running")).where(_running).group_by(_c.tenant)


def running(db: sa.Connection) -> dict[str, int]:
    """Return the number of exports in PROCESSING of each tenant. Tenants without any are left out."""
    return {row.tenant: row.running for row in db.execute(_count_running)}


def running_exports(db: sa.Connection, tenant: str, after_id: str, limit: int) -> list[RunningExport]:
    """Return exports in PROCESSING, sorted by id.

    They are few and are found by an index of their own; sorting alone would lead the database through all exports.
    """
    of_tenant = [_c.tenant == tenant] if tenant else []
    ids = sa.select(_c.id).where(_running, *of_tenant).scalar_subquery()
    listed = sa.select(*EXPORT_COLUMNS, _c.lease_worker_id).where(_c.id.in_(ids), _c.id > after_id, _running)
    rows = db.execute(listed.order_by(_c.id).limit(limit)).mappings()
    return [RunningExport(to_export(row), row["lease_worker_id"]) for row in rows]


def queue(db: sa.Connection) -> list[TenantQueue]:
    """Return all tenants with exports that are not done, sorted by name."""
    counted = {state: _count_in(db, state) for state in _NOT_DONE}
    names = sorted({tenant for counts in counted.values() for tenant in counts})
    vtimes = {row.tenant: row.vtime for row in db.execute(sa.select(tenants))}
    return [
        TenantQueue(name, {state: counted[state].get(name, 0) for state in _NOT_DONE}, vtimes.get(name, 0))
        for name in names
    ]


def _count_in(db: sa.Connection, state: State) -> dict[str, int]:
    counting = sa.select(_c.tenant, sa.func.count().label("exports")).where(in_states({state})).group_by(_c.tenant)
    return {row.tenant: row.exports for row in db.execute(counting)}


def latest(db: sa.Connection) -> datetime | None:
    """Return when any export last changed its state: the time of the last entry of the history."""
    moment: datetime | None = db.execute(sa.select(_t.time).order_by(_t.id.desc()).limit(1)).scalar()
    return moment


def depth(db: sa.Connection, now: datetime) -> Depth:
    counting = sa.select(sa.func.count()).select_from(exports)
    not_done = [state for state in State if state not in TERMINAL]
    # One query per state: each is then counted in an index of its own.
    counts = {state: db.execute(counting.where(in_states({state}))).scalar_one() for state in not_done}
    return Depth(counts, max(_waits(db, now), default=timedelta()))


def _waits(db: sa.Connection, now: datetime) -> list[timedelta]:
    """Return how long the oldest export without an attempt and the longest-due retry have waited."""
    due = sa.select(sa.func.min(_c.next_attempt_time)).where(in_states({target(Event.FAIL)}))
    oldest = sa.select(_c.create_time).where(in_states({State.QUEUED})).order_by(_c.id).limit(1)
    since = (db.execute(oldest).scalar(), db.execute(due.where(_c.next_attempt_time <= now)).scalar())
    return [now - moment for moment in since if moment is not None]
