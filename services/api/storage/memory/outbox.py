"""The outbox in memory."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.api.domain.audit import NOBODY, Origin, of_delivery
from services.api.domain.events import tells_end
from services.api.domain.notifications import MAX_OUTCOME_CHARACTERS, Channel, Delivery, DeliveryState, Held, Position
from services.api.ports.exports import IdKind, IdMatch, IdRange
from services.api.storage.memory.audit import append
from services.api.storage.memory.data import MemoryData, settled
from services.api.storage.memory.records import Announced
from services.contract.errors import DeliveryNotFound

_TOLD: dict[Channel, dict[str, Any]] = {Channel.CALLBACK: {"callback_sent": True}, Channel.EMAIL: {"email_sent": True}}


class MemoryOutbox:
    """An Outbox in memory."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    async def hold(self, limit: int, until: datetime | Mapping[Channel, datetime], now: datetime) -> list[Held]:
        ends = until if isinstance(until, Mapping) else dict.fromkeys(Channel, until)
        waiting = ((delivery.next_attempt_time, delivery) for delivery in self._pending())
        due = [
            (moment, delivery)
            for moment, delivery in waiting
            if moment is not None and moment <= now and not self._is_after_another(delivery)
        ]
        longest_due = sorted(due, key=lambda each: each[0])[:limit]
        return [self._held(delivery, ends[delivery.channel]) for _, delivery in longest_due]

    def _is_after_another(self, delivery: Delivery) -> bool:
        """Whether an earlier event of the export was not attempted yet, or is being attempted."""
        return any(
            (earlier.export_id, earlier.channel) == (delivery.export_id, delivery.channel)
            and earlier.number < delivery.number
            and (earlier.attempt == 0 or bool(self._data.deliveries[earlier.id].lease_id))
            for earlier in self._pending()
        )

    def _held(self, delivery: Delivery, until: datetime) -> Held:
        held = Held(replace(delivery, attempt=delivery.attempt + 1, next_attempt_time=until), secrets.token_hex(16))
        self._data.deliveries[delivery.id] = Announced(held.delivery, held.lease_id)
        return held

    async def next_due(self) -> datetime | None:
        due = (delivery.next_attempt_time for delivery in self._pending())
        return min((moment for moment in due if moment is not None), default=None)

    async def ids(self, tenant: str, within: IdRange, limit: int) -> list[IdMatch]:
        own = (each.delivery for each in self._data.deliveries.values() if each.delivery.tenant == tenant)
        matches = (IdMatch(IdKind.DELIVERY, each.id, each.export_id) for each in own)
        return sorted((m for m in matches if within.first <= m.id <= within.last), key=lambda match: match.id)[:limit]

    async def oldest(self, now: datetime) -> timedelta:
        first = min((delivery.create_time for delivery in self._pending()), default=now)
        return now - first

    async def sent(self, held: Held, outcome: str, now: datetime) -> bool:
        announced = self._of(held)
        if announced is None:
            return False
        self._settle(announced, outcome, now, DeliveryState.SENT)
        self._say_so(announced.delivery)
        return True

    async def try_again(self, held: Held, outcome: str, due: datetime, now: datetime) -> bool:
        announced = self._of(held)
        if announced is not None:
            self._settle(announced, outcome, now, DeliveryState.PENDING, due)
        return announced is not None

    async def give_up(self, held: Held, outcome: str, now: datetime) -> bool:
        announced = self._of(held)
        if announced is not None:
            self._settle(announced, outcome, now, DeliveryState.GIVEN_UP)
        return announced is not None

    async def put_back(self, held: Sequence[Held], due: datetime) -> None:
        for announced in filter(None, map(self._of, held)):
            delivery = announced.delivery
            back = replace(delivery, attempt=delivery.attempt - 1, next_attempt_time=due)
            self._data.deliveries[delivery.id] = Announced(back)

    async def deliveries(
        self, tenant: str, export_id: str, *, after: Position | None = None, limit: int | None = None
    ) -> list[Delivery]:
        all_ = (announced.delivery for announced in self._data.deliveries.values())
        own = [delivery for delivery in all_ if (delivery.tenant, delivery.export_id) == (tenant, export_id)]
        behind = [delivery for delivery in own if after is None or delivery.position > after]
        return sorted(behind, key=lambda delivery: delivery.position)[:limit]

    async def redeliver(self, tenant: str, delivery_id: str, now: datetime, *, by: Origin = NOBODY) -> Delivery:
        announced = self._data.deliveries.get(delivery_id)
        if announced is None or announced.delivery.tenant != tenant:
            raise DeliveryNotFound(delivery_id)
        pending: dict[str, Any] = {
            "state": DeliveryState.PENDING,
            "next_attempt_time": now,
            "end_time": None,
            "attempt": 0,
        }
        again = replace(announced.delivery, **pending)
        self._data.deliveries[delivery_id] = Announced(again)
        append(self._data, [of_delivery(again, by, now)])
        return again

    def _pending(self) -> list[Delivery]:
        all_ = (announced.delivery for announced in self._data.deliveries.values())
        return [delivery for delivery in all_ if delivery.state is DeliveryState.PENDING]

    def _of(self, held: Held) -> Announced | None:
        """Return the delivery of a hold; None if the hold has lapsed and another one has replaced it."""
        announced = self._data.deliveries.get(held.delivery.id)
        return announced if announced and announced.lease_id == held.lease_id else None

    def _settle(
        self, announced: Announced, outcome: str, now: datetime, state: DeliveryState, due: datetime | None = None
    ) -> None:
        after = settled(announced, outcome[:MAX_OUTCOME_CHARACTERS], now, state, due)
        self._data.deliveries[announced.delivery.id] = after
        if state is not DeliveryState.PENDING:
            self._erase_tokens(announced.delivery)

    def _erase_tokens(self, delivery: Delivery) -> None:
        for id_, link in self._data.links.items():
            if link.delivery_id == delivery.id:
                self._data.links[id_] = replace(link, sealed_token=None)

    def _say_so(self, delivery: Delivery) -> None:
        """Record on the export that the notification was accepted, unless a later run has begun."""
        record = self._data.records[delivery.export_id]
        if record.export.run == delivery.run and tells_end(delivery.event, delivery.notice):
            self._data.keep(replace(record, export=replace(record.export, **_TOLD[delivery.channel])))
