"""Conversion between workers and rows. A row has what a worker last said to any process."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.api.domain.audit import Origin, of_drain
from services.api.ports.live import WorkerSeen
from services.api.storage.sql.column_types import MICROSECOND, Json, from_micros, to_micros
from services.api.storage.sql.verbs import audit
from services.contract.capabilities import Capabilities
from services.contract.job import WorkerProblem

_ROW = "id, seen, beat, held, free_slots, draining, asked_to_drain, store_matches, can_key, problems"
_VALUES = (
    "(id, process, seen, beat, held, free_slots, draining, asked_to_drain, store_matches, can_key, can, problems) "
    "VALUES (:id, :process, :seen, :beat, :held, :free_slots, :draining, false, :store_matches, :can_key, "
    "cast(:can AS jsonb), cast(:problems AS jsonb)) ON CONFLICT (id) DO UPDATE SET process = excluded.process, "
    "seen = greatest(workers.seen, excluded.seen)"
)
_polled = sa.text(
    f"INSERT INTO workers {_VALUES}, store_matches = excluded.store_matches, can_key = excluded.can_key, "
    f"can = excluded.can RETURNING {_ROW}"
).columns(problems=Json)
_beat = sa.text(
    f"INSERT INTO workers {_VALUES}, beat = greatest(workers.beat, excluded.beat), held = excluded.held, "
    "free_slots = excluded.free_slots, problems = excluded.problems, "
    f"draining = workers.draining OR excluded.draining RETURNING {_ROW}"
).columns(problems=Json)
_ask_to_drain = sa.text(
    f"UPDATE workers SET asked_to_drain = true WHERE id = :id AND seen >= :since RETURNING {_ROW}"  # noqa: S608
).columns(problems=Json)
_one = sa.text(f"SELECT {_ROW} FROM workers WHERE id = :id").columns(problems=Json)  # noqa: S608
_present = sa.text(f"SELECT {_ROW} FROM workers WHERE seen >= :since ORDER BY id").columns(problems=Json)  # noqa: S608
_cans = sa.text("SELECT DISTINCT ON (can_key) can_key, can FROM workers WHERE can_key = ANY(:keys)").columns(can=Json)
_forget = sa.text("DELETE FROM workers WHERE seen < :since")

Row = sa.RowMapping


def put_polled(db: sa.Connection, process: str, worker: WorkerSeen) -> Row:
    """Write that a worker asked for work, and what it can do. Return the row."""
    return db.execute(_polled, _values(process, worker)).mappings().one()


def put_beat(db: sa.Connection, process: str, worker: WorkerSeen) -> Row:
    """Write the report of a worker, and return the row. A worker that drains never stops draining."""
    return db.execute(_beat, _values(process, worker)).mappings().one()


def ask_to_drain(db: sa.Connection, worker_id: str, since: datetime, by: Origin, now: datetime) -> Row | None:
    """Note that a worker should drain, with the entry in the audit trail, and return its row.

    Return None if the worker was not seen since then.
    """
    asked = {"id": worker_id, "since": to_micros(since)}
    row = db.execute(_ask_to_drain, asked).mappings().one_or_none()
    if row is not None:
        audit.append(db, [of_drain(worker_id, by, now)])
    return row


def one(db: sa.Connection, worker_id: str) -> Row | None:
    """Return the row of a worker."""
    return db.execute(_one, {"id": worker_id}).mappings().one_or_none()


def present(db: sa.Connection, since: datetime) -> Sequence[Row]:
    """Return the rows of the workers that were seen since then, by id."""
    return db.execute(_present, {"since": to_micros(since)}).mappings().all()


def cans(db: sa.Connection, keys: Collection[str]) -> Mapping[str, Capabilities]:
    """Return the capabilities with these keys."""
    return {row.can_key: _can_from_json(row.can) for row in db.execute(_cans, {"keys": [*keys]})}


def forget(db: sa.Connection, since: datetime) -> None:
    """Delete the workers that were not seen since then."""
    db.execute(_forget, {"since": to_micros(since)})


def worker_of(row: Row, can: Capabilities) -> WorkerSeen:
    """Return the worker of a row, given the capabilities of its `can_key`."""
    return WorkerSeen(
        id=row["id"],
        seen=from_micros(row["seen"]),
        beat=from_micros(row["beat"]) if row["beat"] is not None else None,
        held=row["held"],
        free_slots=row["free_slots"],
        draining=row["draining"],
        asked_to_drain=row["asked_to_drain"],
        can=can,
        store_matches=row["store_matches"],
        problems=tuple(_problem_from_json(*each) for each in row["problems"]),
    )


def _values(process: str, worker: WorkerSeen) -> Mapping[str, Any]:
    can = _can_to_json(worker.can)
    return {
        "id": worker.id,
        "process": process,
        "seen": to_micros(worker.seen),
        "beat": to_micros(worker.beat) if worker.beat else None,
        "held": worker.held,
        "free_slots": worker.free_slots,
        "draining": worker.draining,
        "store_matches": worker.store_matches,
        "can_key": hashlib.sha256(can.encode()).hexdigest(),
        "can": can,
        "problems": json.dumps([_problem_to_json(problem) for problem in worker.problems]),
    }


def _can_to_json(can: Capabilities) -> str:
    names = None if can.names is None else sorted(can.names)
    return json.dumps({"names": names, "store_id": can.store_id, "tenants": sorted(can.tenants)})


def _can_from_json(stored: Mapping[str, Any]) -> Capabilities:
    names, tenants = stored["names"], frozenset(stored["tenants"])
    return Capabilities(None if names is None else frozenset(names), stored["store_id"], tenants)


def _problem_to_json(problem: WorkerProblem) -> list[Any]:
    return [str(problem.code), problem.source_id, problem.age // MICROSECOND]


def _problem_from_json(code: str, source_id: str, age: int) -> WorkerProblem:
    return WorkerProblem(code, source_id, timedelta(microseconds=age))
