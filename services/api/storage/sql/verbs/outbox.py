"""Announcements of ends: put beside the end in its transaction, then held and settled like jobs."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.api.domain.export import Export
from services.api.domain.notifications import (
    MAX_OUTCOME_CHARACTERS,
    SUPERSEDED,
    Channel,
    Delivery,
    DeliveryState,
    Held,
    Position,
    Try,
    channels,
    notice,
)
from services.api.storage.sql.column_types import UtcTime, from_micros, to_micros
from services.api.storage.sql.rows import Row
from services.api.storage.sql.settlements import HELD, PENDING
from services.api.storage.sql.statements import Statements
from services.api.storage.sql.tables import deliveries, exports
from services.contract.errors import DeliveryNotFound

_d = deliveries.c
_channel = sa.cast(_d.channel, sa.Text)  # by its name: an enumeration of an engine may have an order of its own
_now = sa.bindparam("now", type_=UtcTime)
_insert = sa.insert(deliveries)
_due = (
    sa.select(_d.id, _d.channel)
    .where(PENDING, _d.next_attempt_time <= _now)
    .order_by(_d.next_attempt_time)
    .limit(sa.bindparam("count", type_=sa.Integer))
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
_next_due = sa.select(sa.func.min(_d.next_attempt_time)).where(PENDING)
_oldest = sa.select(sa.func.min(_d.create_time)).where(PENDING)
_put_back = (
    sa.update(deliveries)
    .values(lease_id=None, next_attempt_time=sa.bindparam("due", type_=UtcTime), attempt=_d.attempt - 1)
    .where(*HELD)
)
_of_export = (
    sa.select(deliveries)
    .where(_d.export_id == sa.bindparam("of_id"), _d.tenant == sa.bindparam("of_tenant"))
    .order_by(_d.run, _channel)
)
_redeliver = (
    sa.update(deliveries)
    .values(state=DeliveryState.PENDING, next_attempt_time=_now, end_time=None, lease_id=None, attempt=0)
    .where(_d.id == sa.bindparam("of_id"), _d.tenant == sa.bindparam("of_tenant"))
    .returning(deliveries)
)
_told = {Channel.CALLBACK: {"callback_sent": True}, Channel.EMAIL: {"email_sent": True}}


class OutboxVerbs:
    """The verbs of an Outbox."""

    def __init__(self, sql: Statements) -> None:
        self._settlements = sql.settlements

    def announce(self, db: sa.Connection, ended: Sequence[Export]) -> None:
        """Put what is to be announced of these ends, in place of what was not yet told of earlier runs.

        An old end that came after the new one would contradict it, and its receiver could not tell.
        """
        rows = [_row(export, channel, target) for export in ended for channel, target in channels(export).items()]
        if rows:
            db.execute(_insert, rows)
        for export in ended:
            if export.run > 1:
                of = {"of_id": export.id, "of_run": export.run, "outcome": SUPERSEDED, "now": export.end_time}
                db.execute(self._settlements.supersede, of | {"now_micros": to_micros(export.update_time)})

    def hold(
        self, db: sa.Connection, limit: int, until: datetime | Mapping[Channel, datetime], now: datetime
    ) -> list[Held]:
        ends = until if isinstance(until, Mapping) else dict.fromkeys(Channel, until)
        due = db.execute(_due, {"count": limit, "now": now}).all()
        rows = [
            db.execute(_hold, {"of_id": id_, "new_lease": secrets.token_hex(16), "until": ends[channel], "now": now})
            .mappings()
            .first()
            for id_, channel in due
        ]
        return [Held(to_delivery(row), row["lease_id"]) for row in rows if row is not None]

    def next_due(self, db: sa.Connection) -> datetime | None:
        return db.execute(_next_due).scalar()

    def oldest(self, db: sa.Connection, now: datetime) -> timedelta:
        first = db.execute(_oldest).scalar()
        return now - first if first else timedelta()

    def try_again(self, db: sa.Connection, held: Held, outcome: str, due: datetime, now: datetime) -> bool:
        done = db.execute(self._settlements.again, {**_of(held, outcome, now), "due": due})
        return done.first() is not None

    def put_back(self, db: sa.Connection, held: Sequence[Held], due: datetime) -> None:
        for each in held:
            db.execute(_put_back, {"of_id": each.delivery.id, "of_lease": each.lease_id, "due": due})

    def end(self, db: sa.Connection, held: Held, state: DeliveryState, outcome: str, now: datetime) -> bool:
        of = _of(held, outcome, now) | {"ended_as": state, "now": now}
        row = db.execute(self._settlements.end, of).mappings().first()
        if row is not None and state is DeliveryState.SENT:
            db.execute(_say_so(row["channel"]), {"of_id": row["export_id"], "of_run": row["run"]})
        return row is not None

    def of_export(
        self, db: sa.Connection, tenant: str, export_id: str, after: Position | None, limit: int | None
    ) -> list[Delivery]:
        found = _of_export.limit(limit)
        if after is not None:
            found = found.where(sa.or_(_d.run > after.run, sa.and_(_d.run == after.run, _channel > after.channel)))
        rows = db.execute(found, {"of_id": export_id, "of_tenant": tenant}).mappings()
        return [to_delivery(row) for row in rows]

    def redeliver(self, db: sa.Connection, tenant: str, delivery_id: str, now: datetime) -> Delivery:
        row = db.execute(_redeliver, {"of_id": delivery_id, "of_tenant": tenant, "now": now}).mappings().first()
        if row is None:
            raise DeliveryNotFound(delivery_id)
        return to_delivery(row)


def _say_so(channel: Channel) -> sa.Update:
    """On the export; not on that of a later run."""
    this_run = (exports.c.id == sa.bindparam("of_id"), exports.c.run == sa.bindparam("of_run"))
    return sa.update(exports).values(_told[channel]).where(*this_run)


def _of(held: Held, outcome: str, now: datetime) -> dict[str, Any]:
    return {
        "of_id": held.delivery.id,
        "of_lease": held.lease_id,
        "outcome": outcome[:MAX_OUTCOME_CHARACTERS],
        "now_micros": to_micros(now),
    }


def _row(export: Export, channel: Channel, target: str) -> dict[str, Any]:
    return {
        "id": f"msg_{secrets.token_hex(16)}",
        "export_id": export.id,
        "tenant": export.tenant,
        "run": export.run,
        "channel": channel,
        "target": target,
        "notice": notice(export),
        "state": DeliveryState.PENDING,
        "attempt": 0,
        "next_attempt_time": export.end_time,
        "create_time": export.end_time,
        "tries": [],
    }


def to_delivery(row: Row) -> Delivery:
    """From a row of all columns."""
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
    )
