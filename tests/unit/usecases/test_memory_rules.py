"""What the memory store lets in is what the tables let in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.api.domain.states import CancelReason, State
from services.api.storage.memory import rules
from services.api.storage.memory.records import Lease, Record
from services.api.storage.sql.rows import file_values, new_row
from services.api.storage.sql.schema.rules import RULES
from services.api.storage.sql.tables import exports
from tests.ports.samples import SPEC, START, STATS, new_attachments, new_export, new_file

KEPT_BY_TYPES = {"state_known", "reason_known", "attachments_are_whole"}

FILE = new_file("e")
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "state": st.sampled_from(State),
    "cancel_reason": st.none() | st.sampled_from(CancelReason),
    "end_time": st.none() | st.just(START),
    "start_time": st.none() | st.just(START),
    "next_attempt_time": st.none() | st.just(START),
    "attempt": st.integers(-1, 3),
    "max_attempts": st.integers(0, 3),
    "version": st.integers(0, 1),
    "run": st.integers(0, 1),
    "priority": st.sampled_from([-1, 0, 9, 10]),
    "encrypted": st.booleans(),
    "callback_url": st.sampled_from(["", "https://x.test/"]),
    "notify_email": st.sampled_from(["", "a@x.test"]),
    "callback_sent": st.booleans(),
    "email_sent": st.booleans(),
}
LEASE = Lease("l", "w", "p", START, START + timedelta(seconds=30))
STATS_OF_FILE = st.sampled_from([STATS, replace(STATS, rows_written=STATS.rows_matched - 1)])


@st.composite
def records(draw: Callable[..., Any]) -> Record:
    export = new_export(**draw(st.fixed_dictionaries(FIELDS)))
    if draw(st.booleans()):
        file = replace(FILE, artifact=replace(FILE.artifact, encrypted=draw(st.booleans())))
        apart = new_attachments(file) if draw(st.booleans()) else None
        export = replace(export, file=file, attachments_file=apart, stats=draw(STATS_OF_FILE))
    return Record(
        export,
        SPEC,
        sealed_password=draw(st.none() | st.just(b"sealed")),
        lease=draw(st.none() | st.just(LEASE)),
        lease_count=draw(st.integers(0, 3)),
        unconfirmed_count=draw(st.integers(-1, 3)),
        deleted_time=draw(st.none() | st.just(START)),
    )


def row(record: Record) -> dict[str, Any]:
    """As the SQL store would have it."""
    export, lease = record.export, record.lease
    later = ("cancel_reason", "end_time", "start_time", "next_attempt_time", "email_sent", "callback_sent")
    made = dict.fromkeys(exports.c.keys()) | new_row(export, SPEC, record.sealed_password)
    made |= {name: getattr(export, name) for name in later} | {"deleted_time": record.deleted_time}
    made |= {"lease_count": record.lease_count, "unconfirmed_count": record.unconfirmed_count}
    if lease:
        made |= {"lease_id": lease.id, "lease_worker_id": lease.worker_id, "lease_poll_id": lease.poll_id}
        made |= {"lease_create_time": lease.create_time, "lease_expire_time": lease.expire_time}
    if export.file and export.stats:
        made |= file_values(export.file, export.stats, export.attachments_file)
    return made


@pytest.fixture(scope="module")
def judge() -> Callable[[Record], set[str]]:
    """The rules of the tables that a record breaks, as SQLite sees it."""
    free = sa.Table("exports", sa.MetaData(), *(sa.Column(c.name, c.type) for c in exports.c))
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    free.metadata.create_all(engine)
    asked = sa.select(*(sa.type_coerce(rule, sa.Boolean).label(name) for name, rule in RULES.items()))

    def broken(record: Record) -> set[str]:
        with engine.begin() as db:
            db.execute(free.delete())
            db.execute(free.insert(), row(record))
            return {name for name, holds in db.execute(asked).mappings().one().items() if holds is False}

    return broken


def test_each_rule_of_the_tables_is_one_here_or_kept_by_the_types() -> None:
    assert rules.RULES.keys() | KEPT_BY_TYPES == RULES.keys()
    assert not rules.RULES.keys() & KEPT_BY_TYPES


@pytest.mark.slow
@given(record=records())
def test_a_record_breaks_the_rules_that_its_row_would_break(
    judge: Callable[[Record], set[str]], record: Record
) -> None:
    assert {name for name, holds in rules.RULES.items() if not holds(record)} == judge(record) - KEPT_BY_TYPES
