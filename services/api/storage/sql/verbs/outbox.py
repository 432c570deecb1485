"""Notifications: stored in the transaction of what they announce, then held and settled like jobs."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from services.api.domain.audit import NOBODY, Origin, of_delivery
from services.api.domain.events import tells_end
from services.api.domain.export import Export
from services.api.domain.notifications import (
    MAX_OUTCOME_CHARACTERS,
    SUPERSEDED,
    Announcement,
    Channel,
    Delivery,
    DeliveryState,
    Held,
    Position,
    Try,
    announcements,
)
from services.api.domain.states import State
from services.api.storage.sql.column_types import UtcTime, from_micros, to_micros
from services.api.storage.sql.listed import Appended, Listed, Types, in_rounds
from services.api.storage.sql.prepared import Prepared
from services.api.storage.sql.rows import Row
from services.api.storage.sql.settlements import HELD, PENDING
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import deliveries, exports, links
from services.api.storage.sql.verbs import audit
from services.contract.errors import DeliveryNotFound

_d = deliveries.c
_channel = sa.cast(_d.channel, sa.Text)  # by name: an engine may sort an enum differently
_now = sa.bindparam("now", type_=UtcTime)
_NEW_COLUMNS = tuple(column.name for column in _d if column.name not in {"lease_id", "end_time"})
_insert = Appended(deliveries, _NEW_COLUMNS)
_earlier = deliveries.alias("earlier")
_e = _earlier.c
_after_another = (
    sa.exists()
    .where(_e.export_id == _d.export_id, _e.channel == _d.channel, _e.number < _d.number)
    .where(sa.text("earlier.state = 'PENDING'"), sa.or_(_e.attempt == 0, _e.lease_id.is_not(None)))
)
"""Whether an earlier event of the export was not attempted yet, or is being attempted."""
_due = Prepared(
    sa.select(_d.id, _d.channel)
    .where(PENDING, _d.next_attempt_time <= _now, sa.or_(_d.number == 0, sa.not_(_after_another)))
    .order_by(_d.next_attempt_time)
    .limit(sa.bindparam("count", type_=sa.Integer))
    .with_for_update(skip_locked=True, of=deliveries)  # deliveries that another process is taking are skipped
)
_hold = (
    sa.update(deliveries)
    .values(
        lease_id=sa.bindparam("new_lease"),
        next_attempt_time=sa.bindparam("until", type_=UtcTime),
        attempt=_d.attempt + 1,
    )
    .where(_d.id == sa.bindparam("of_id"), PENDING, _d.next_attempt_time <= _now)
    .returning(deliveries)
)
_next_due = Prepared(sa.select(sa.func.min(_d.next_attempt_time).label("due")).where(PENDING))
_oldest = Prepared(sa.select(sa.func.min(_d.create_time).label("oldest")).where(PENDING))
_put_back = (
    sa.update(deliveries)
    .values(lease_id=None, next_attempt_time=sa.bindparam("due", type_=UtcTime), attempt=_d.attempt - 1)
    .where(*HELD)
    .returning(_d.id)
)
_of_export = (
    sa.select(deliveries)
    .where(_d.export_id == sa.bindparam("of_id"), _d.tenant == sa.bindparam("of_tenant"))
    .order_by(_d.run, _channel, _d.number)
)
_redeliver = (
    sa.update(deliveries)
    .values(state=DeliveryState.PENDING, next_attempt_time=_now, end_time=None, lease_id=None, attempt=0)
    .where(_d.id == sa.bindparam("of_id"), _d.tenant == sa.bindparam("of_tenant"))
    .returning(deliveries)
)
_this_run = (exports.c.id == sa.bindparam("of_id"), exports.c.run == sa.bindparam("of_run"))
_say_so = {
    Channel.CALLBACK: Prepared(sa.update(exports).values(callback_sent=True).where(*_this_run)),
    Channel.EMAIL: Prepared(sa.update(exports).values(email_sent=True).where(*_this_run)),
}
"""Records on the export that a notification was accepted, unless a later run has begun."""
_erase_tokens = Prepared(
    sa.update(links)
    .values(sealed_token=None)
    .where(links.c.delivery_id == sa.bindparam("of_delivery", type_=sa.Text), links.c.sealed_token.is_not(None))
)
"""Erases the tokens of the links in a mail, which nobody needs any more once it was accepted or given up."""

_text, _time, _micros = sa.Text(), UtcTime(), sa.BigInteger()
_HELD: Types = {"of_id": _text, "of_lease": _text}
_TRIED: Types = {**_HELD, "outcome": _text, "now_micros": _micros}


@dataclass(frozen=True, slots=True)
class Settled:
    """An attempt that has ended. With a final `state` no other one follows; PENDING is due again at `due`."""

    held: Held
    outcome: str
    now: datetime
    state: DeliveryState = DeliveryState.PENDING
    due: datetime | None = None

    def values(self) -> dict[str, Any]:
        """Return the values for a listed UPDATE."""
        return {
            "of_id": self.held.delivery.id,
            "of_lease": self.held.lease_id,
            "outcome": self.outcome[:MAX_OUTCOME_CHARACTERS],
            "now_micros": to_micros(self.now),
            "now": self.now,
            "ended_as": self.state,
            "due": self.due,
        }


class OutboxVerbs:
    """The verbs of an Outbox."""

    def __init__(self, sql: Statements) -> None:
        self._supersede = Prepared(sql.settlements.supersede)
        self._holding = Listed.of(
            sql.dialect, _hold, {"of_id": _text, "new_lease": _text, "until": _time, "now": _time}
        )
        self._again = Listed.of(sql.dialect, sql.settlements.again, {**_TRIED, "due": _time})
        ended_as = {"now": _time, "ended_as": _d.state.type}
        self._ending = Listed.of(sql.dialect, sql.settlements.end, {**_TRIED, **ended_as})
        self._putting_back = Listed.of(sql.dialect, _put_back, {**_HELD, "due": _time})

    def announce(self, db: sa.Connection, changed: Sequence[tuple[Export, State | None]], *, ends: bool) -> None:
        """Add the notifications of these changes, each with the state before it: see `announcements`.

        At the end of a run, give up pending notifications of the ends of earlier runs. An older end that arrived after
        the new one would contradict it, and the receiver could not tell.
        """
        rows = [_row(export, each) for export, before in changed for each in announcements(export, before, ends=ends)]
        _insert.run_each(db, rows)
        for export, _ in changed:
            if ends and export.run > 1:
                of = {"of_id": export.id, "of_run": export.run, "outcome": SUPERSEDED, "now": export.end_time}
                self._supersede.run(db, of | {"now_micros": to_micros(export.update_time)})

    def hold(
        self, db: sa.Connection, limit: int, until: datetime | Mapping[Channel, datetime], now: datetime
    ) -> list[Held]:
        ends = until if isinstance(until, Mapping) else dict.fromkeys(Channel, until)
        due = _due.all(db, {"count": limit, "now": now})
        given = [
            {
                "of_id": row["id"],
                "new_lease": secrets.token_hex(16),
                "until": ends[row["channel"]],
                "now": now,
            }
            for row in due
        ]
        rows = {row["id"]: row for row in self._holding.changed(db, given)}
        return [Held(to_delivery(row), row["lease_id"]) for each in due if (row := rows.get(each["id"]))]

    def next_due(self, db: sa.Connection) -> datetime | None:
        due: datetime | None = _next_due.scalar(db, {})
        return due

    def oldest(self, db: sa.Connection, now: datetime) -> timedelta:
        first = _oldest.scalar(db, {})
        return now - first if first else timedelta()

    def try_again(self, db: sa.Connection, asked: Sequence[Settled]) -> list[bool | Exception]:
        """Record failed attempts. A ListVerb."""
        return in_rounds(asked, _own_delivery, lambda some: _answers(some, self._settled(db, self._again, some)))

    def end(self, db: sa.Connection, asked: Sequence[Settled]) -> list[bool | Exception]:
        """Record final outcomes. A ListVerb."""
        return in_rounds(asked, _own_delivery, lambda some: self._end(db, some))

    def _end(self, db: sa.Connection, asked: Sequence[Settled]) -> list[bool | Exception]:
        rows = self._settled(db, self._ending, asked)
        sent = [row for row in rows if row["state"] is DeliveryState.SENT]
        told = [row for row in sent if tells_end(row["event"], row["notice"])]
        for channel, say_so in _say_so.items():
            its = (row for row in told if row["channel"] is channel)
            say_so.run_each(db, ({"of_id": row["export_id"], "of_run": row["run"]} for row in its))
        mails = (row for row in rows if row["channel"] is Channel.EMAIL)
        _erase_tokens.run_each(db, ({"of_delivery": row["id"]} for row in mails))
        return _answers(asked, rows)

    def _settled(self, db: sa.Connection, change: Listed, asked: Sequence[Settled]) -> Sequence[Row]:
        return change.changed(db, [each.values() for each in asked])

    def put_back(self, db: sa.Connection, held: Sequence[Held], due: datetime) -> None:
        self._putting_back.changed(
            db, [{"of_id": each.delivery.id, "of_lease": each.lease_id, "due": due} for each in held]
        )

    def of_export(
        self, db: sa.Connection, tenant: str, export_id: str, after: Position | None, limit: int | None
    ) -> list[Delivery]:
        query = _of_export.limit(limit)
        if after is not None:
            query = query.where(_behind(after))
        rows = db.execute(query, {"of_id": export_id, "of_tenant": tenant}).mappings()
        return [to_delivery(row) for row in rows]

    def redeliver(
        self, db: sa.Connection, tenant: str, delivery_id: str, now: datetime, *, by: Origin = NOBODY
    ) -> Delivery:
        row = db.execute(_redeliver, {"of_id": delivery_id, "of_tenant": tenant, "now": now}).mappings().first()
        if row is None:
            raise DeliveryNotFound(delivery_id)
        delivery = to_delivery(row)
        audit.append(db, [of_delivery(delivery, by, now)])
        return delivery


@cache
def outbox_verbs(sql: Statements) -> OutboxVerbs:
    """Return the verbs in this dialect, always the same object."""
    return OutboxVerbs(sql)


def _behind(after: Position) -> sa.ColumnElement[bool]:
    later = sa.and_(_channel == after.channel, _d.number > after.number)
    return sa.or_(_d.run > after.run, sa.and_(_d.run == after.run, sa.or_(_channel > after.channel, later)))


def _own_delivery(asked: Settled) -> list[str]:
    return [asked.held.delivery.id]


def _answers(asked: Sequence[Settled], rows: Sequence[Row]) -> list[bool | Exception]:
    """Return, for each item, whether its hold was still valid."""
    settled = {row["id"] for row in rows}
    return [each.held.delivery.id in settled for each in asked]


def _row(export: Export, new: Announcement) -> dict[str, Any]:
    return {
        "id": new.id,
        "export_id": export.id,
        "tenant": export.tenant,
        "run": export.run,
        "channel": new.channel,
        "target": new.target,
        "notice": new.notice,
        "state": DeliveryState.PENDING,
        "attempt": 0,
        "next_attempt_time": export.update_time,
        "create_time": export.update_time,
        "tries": [],
        "event": new.event,
        "number": new.number,
        "trace": export.trace,
    }


def to_delivery(row: Row) -> Delivery:
    """Return the delivery for a row with all columns."""
    return Delivery(
        id=row["id"],
        export_id=row["export_id"],
        tenant=row["tenant"],
        run=row["run"],
        channel=row["channel"],
        target=row["target"],
        notice=row["notice"],
        state=row["state"],
        attempt=row["attempt"],
        next_attempt_time=row["next_attempt_time"],
        create_time=row["create_time"],
        end_time=row["end_time"],
        tries=tuple(Try(from_micros(each["time"]), each["outcome"]) for each in row["tries"]),
        event=row["event"],
        number=row["number"],
        trace=row["trace"],
    )
