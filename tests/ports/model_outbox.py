"""The second half of the reference: announcements."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.api.domain.export import Export
from services.api.domain.notifications import (
    MAX_TRIES_KEPT,
    SUPERSEDED,
    Channel,
    Delivery,
    DeliveryState,
    Held,
    Try,
    announcements,
)
from services.api.domain.states import State

Key = tuple[str, int, Channel, int]


@dataclass
class Announced:
    """A delivery, and the hold on it. Its id is the store's choice: empty until somebody was told."""

    delivery: Delivery
    lease: str = ""


class ModelOutbox:
    """Announcements, one an export, run, channel and number."""

    def __init__(self) -> None:
        self.announced: dict[Key, Announced] = {}

    def announce(self, export: Export, before: State | None, *, ends: bool) -> None:
        if ends:
            self._supersede(export)
        for new in announcements(export, before, ends=ends):
            key = (export.id, export.run, new.channel, new.number)
            assert key not in self.announced
            self.announced[key] = Announced(
                Delivery(
                    id="",
                    export_id=export.id,
                    tenant=export.tenant,
                    run=export.run,
                    channel=new.channel,
                    target=new.target,
                    notice=new.notice,
                    state=DeliveryState.PENDING,
                    attempt=0,
                    next_attempt_time=export.update_time,
                    create_time=export.update_time,
                    end_time=None,
                    event=new.event,
                    number=new.number,
                    trace=export.trace,
                )
            )

    def _supersede(self, export: Export) -> None:
        """What was not yet told of earlier runs never is."""
        assert export.end_time is not None
        for one in self.announced.values():
            delivery = one.delivery
            older = delivery.export_id == export.id and delivery.run < export.run and not delivery.event
            if older and delivery.state is DeliveryState.PENDING:
                one.lease = ""
                one.delivery = replace(
                    delivery,
                    state=DeliveryState.GIVEN_UP,
                    next_attempt_time=None,
                    end_time=export.end_time,
                    tries=(*delivery.tries, Try(export.end_time, SUPERSEDED))[-MAX_TRIES_KEPT:],
                )

    def hold(self, limit: int, until: datetime, now: datetime, told: Sequence[Held]) -> list[Delivery]:
        """Those that the store held must be due, and the longest due; returns them as they are then."""
        due = {key: one for key, one in self.announced.items() if _is_due(one.delivery, now) and self._in_order(one)}
        picked = [due.pop(_key(held.delivery)) for held in told]
        assert len(picked) == min(limit, len(picked) + len(due))
        waited = [one.delivery.next_attempt_time for one in picked]
        assert waited == sorted(waited)
        assert not picked or all(waited[-1] <= one.delivery.next_attempt_time for one in due.values())
        for one, held in zip(picked, told, strict=True):
            assert one.delivery.id in ("", held.delivery.id)
            one.lease = held.lease_id
            one.delivery = replace(
                one.delivery,
                id=held.delivery.id,
                notice=_with_its_id(one.delivery.notice, held.delivery.notice),
                attempt=one.delivery.attempt + 1,
                next_attempt_time=until,
            )
        return [one.delivery for one in picked]

    def _in_order(self, one: Announced) -> bool:
        """Each earlier event of its export was tried, and no try of one is under way."""
        earlier = [
            other
            for (export_id, _, channel, number), other in self.announced.items()
            if (export_id, channel) == (one.delivery.export_id, one.delivery.channel) and number < one.delivery.number
        ]
        pending = [other for other in earlier if other.delivery.state is DeliveryState.PENDING]
        return all(other.delivery.attempt and not other.lease for other in pending)

    def settle(
        self, held: Held, state: DeliveryState, outcome: str, now: datetime, due: datetime | None = None
    ) -> bool:
        one = self.announced[_key(held.delivery)]
        if one.lease != held.lease_id:
            return False
        tries = (*one.delivery.tries, Try(now, outcome))[-20:]
        ended = None if state is DeliveryState.PENDING else now
        one.delivery = replace(one.delivery, state=state, tries=tries, next_attempt_time=due, end_time=ended)
        one.lease = ""
        return True

    def put_back(self, held: Held, due: datetime) -> None:
        one = self.announced[_key(held.delivery)]
        if one.lease == held.lease_id:
            one.delivery = replace(one.delivery, attempt=one.delivery.attempt - 1, next_attempt_time=due)
            one.lease = ""

    def redeliver(self, delivery: Delivery, now: datetime) -> Delivery:
        one = self.announced[_key(delivery)]
        again = replace(one.delivery, state=DeliveryState.PENDING, next_attempt_time=now, end_time=None, attempt=0)
        one.delivery, one.lease = again, ""
        return again

    def of(self, export_id: str) -> list[Delivery]:
        """First run first."""
        own = [(key, one.delivery) for key, one in self.announced.items() if key[0] == export_id]
        return [delivery for _, delivery in sorted(own, key=lambda pair: (pair[0][1], pair[0][2].name, pair[0][3]))]


def _with_its_id(notice: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """An event has the id that the store chose."""
    return notice | {"id": told["id"]} if "id" in notice else notice


def _key(delivery: Delivery) -> Key:
    return delivery.export_id, delivery.run, delivery.channel, delivery.number


def _is_due(delivery: Delivery, now: datetime) -> bool:
    return delivery.state is DeliveryState.PENDING and delivery.next_attempt_time <= now
