"""Announcements in a SQLite file."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.api.domain.notifications import Delivery, DeliveryState, Held
from services.api.storage.sql import outbox_verbs
from services.api.storage.sqlite.database import SqliteDatabase


class SqliteOutbox:
    """An Outbox in a SQLite file."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._db = database

    async def hold(self, limit: int, until: datetime, now: datetime) -> list[Held]:
        return await self._db.write(lambda db: outbox_verbs.hold(db, limit, until, now))

    async def next_due(self) -> datetime | None:
        return await self._db.read_for_workers(outbox_verbs.next_due)

    async def oldest(self, now: datetime) -> timedelta:
        return await self._db.read_for_workers(lambda db: outbox_verbs.oldest(db, now))

    async def sent(self, held: Held, outcome: str, now: datetime) -> bool:
        return await self._end(held, DeliveryState.SENT, outcome, now)

    async def try_again(self, held: Held, outcome: str, due: datetime, now: datetime) -> bool:
        return await self._db.write(lambda db: outbox_verbs.try_again(db, held, outcome, due, now))

    async def give_up(self, held: Held, outcome: str, now: datetime) -> bool:
        return await self._end(held, DeliveryState.GIVEN_UP, outcome, now)

    async def put_back(self, held: Sequence[Held], due: datetime) -> None:
        await self._db.write(lambda db: outbox_verbs.put_back(db, held, due))

    async def deliveries(self, tenant: str, export_id: str) -> list[Delivery]:
        return await self._db.read(lambda db: outbox_verbs.of_export(db, tenant, export_id))

    async def redeliver(self, tenant: str, delivery_id: str, now: datetime) -> Delivery:
        return await self._db.write(lambda db: outbox_verbs.redeliver(db, tenant, delivery_id, now))

    async def _end(self, held: Held, state: DeliveryState, outcome: str, now: datetime) -> bool:
        return await self._db.write(lambda db: outbox_verbs.end(db, held, state, outcome, now))
