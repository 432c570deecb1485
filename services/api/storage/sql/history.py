"""Writes what belongs to a change of state, in its transaction: history, place in the line, and notifications."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from services.api.domain.events import has_events
from services.api.domain.export import Export
from services.api.domain.history import (
    CREATED,
    MAX_REASON_CHARACTERS,
    REASONS,
    Actor,
    Transition,
)
from services.api.domain.states import ENDINGS, Event, State
from services.api.storage.sql.line import line_of
from services.api.storage.sql.listed import Appended
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.rows import Row, to_export
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import exports, transitions
from services.api.storage.sql.verbs.outbox import outbox_verbs

_t = transitions.c
_ENTRY_COLUMNS = tuple(column.name for column in _t if column.name != "id")
_insert = Appended(transitions, _ENTRY_COLUMNS)
_last = Prepared(sa.select(_t.worker_id).where(_t.export_id == sa.bindparam("of_id")).order_by(_t.id.desc()).limit(1))
_last_state = Prepared(sa.select(_t.state).where(_t.export_id == sa.bindparam("of_id")).order_by(_t.id.desc()).limit(1))
_of_export = (
    sa.select(transitions)
    .join_from(transitions, exports)
    .where(
        _t.export_id == sa.bindparam("of_id"),
        exports.c.tenant == sa.bindparam("of_tenant"),
        exports.c.deleted_time.is_(None),
    )
    .order_by(_t.id)
)


class History:
    """Writes entries of histories, places in the line, and notifications."""

    def __init__(self, sql: Statements) -> None:
        self._outbox = outbox_verbs(sql)
        self._line = line_of(sql.dialect)

    def created(self, db: sa.Connection, new: Sequence[Export]) -> None:
        """Begin the history of new exports."""
        _insert.run_each(db, [_entry(export, CREATED, Actor.CALLER, "", "") for export in new])
        self._line.waits(db, new)
        self._outbox.announce(db, [(export, None) for export in new], ends=False)

    def happened(
        self,
        db: sa.Connection,
        event: Event,
        rows: Iterable[Row],
        actor: Actor,
        *,
        reason: str | Callable[[Row], str] = "",
        worker_id: str | Callable[[Row], str] = "",
    ) -> list[Export]:
        """Record an event of these exports, and announce it. Return the exports.

        `reason` and `worker_id` may be functions of the row.
        """
        rows = [*rows]
        workers, why = _told(worker_id, rows), _told(reason or REASONS.get(event, ""), rows)
        changed = [to_export(row) for row in rows]
        before = [_state_before(db, export) for export in changed]
        told = zip(changed, why, workers, strict=True)
        _insert.run_each(db, [_entry(export, event.name, actor, *each) for export, *each in told])
        self._line.happened(db, event, changed)
        self._outbox.announce(db, [*zip(changed, before, strict=True)], ends=event in ENDINGS)
        return changed


@cache
def history_of(sql: Statements) -> History:
    """Return the history in this dialect, always the same object."""
    return History(sql)


def _told(what: str | Callable[[Row], str], rows: Sequence[Row]) -> list[str]:
    """Return the value for each row."""
    return [what if isinstance(what, str) else what(row) for row in rows]


def _state_before(db: sa.Connection, export: Export) -> State | None:
    """Return the state before a change whose entry is not written yet. Only events need it; None for other exports."""
    return _last_state.scalar(db, {"of_id": export.id}) if has_events(export) else None


def worker_of(db: sa.Connection, export_id: str) -> str:
    """Return the worker of the export's last transition: while it is PROCESSING, the worker that builds it."""
    return _last.scalar(db, {"of_id": export_id}) or ""


def of_export(
    db: sa.Connection, tenant: str, export_id: str, after: int = 0, limit: int | None = None
) -> list[Transition]:
    """Return entries of a history, oldest first: those of versions above `after`, at most `limit` (None: all)."""
    before: State | None = None
    transitions = []
    # Starts with `after` itself: its state is the state before the first entry.
    entries = _of_export.where(_t.version >= after).limit(None if limit is None else limit + 1)
    for row in db.execute(entries, {"of_id": export_id, "of_tenant": tenant}).mappings():
        if row["version"] > after:
            transitions.append(to_transition(row, before))
        before = row["state"]
    return transitions[:limit]


def _entry(export: Export, event: str, actor: Actor, reason: str, worker_id: str) -> dict[str, Any]:
    return {
        "export_id": export.id,
        "version": export.version,
        "run": export.run,
        "attempt": export.attempt,
        "event": event,
        "state": export.state,
        "actor": actor,
        "worker_id": worker_id,
        "reason": reason[:MAX_REASON_CHARACTERS],
        "time": export.update_time,
    }


def to_transition(row: Row, before: State | None) -> Transition:
    """Return the entry for a row with all columns and the state of the entry before."""
    return Transition(
        version=row["version"],
        run=row["run"],
        attempt=row["attempt"],
        event=row["event"],
        before=before,
        after=row["state"],
        actor=row["actor"],
        worker_id=row["worker_id"],
        reason=row["reason"],
        time=row["time"],
    )
