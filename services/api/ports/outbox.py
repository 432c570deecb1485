"""The outbox: notifications that are still to be sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.api.domain.notifications import Channel, Delivery, Held, Position
from services.api.ports.exports import IdMatch, IdRange


class Outbox(Protocol):
    """Notifications, stored by the transaction that ended an export: held, tried and settled like jobs.

    Every verb raises StoreUnavailable when nothing was written.
    """

    async def hold(self, limit: int, until: datetime | Mapping[Channel, datetime], now: datetime) -> list[Held]:
        """Take up to `limit` due deliveries; nobody else gets one before `until`. Counts a try of each."""
        ...

    async def next_due(self) -> datetime | None:
        """When the next delivery is due, perhaps in the past; None when nothing is PENDING."""
        ...

    async def oldest(self, now: datetime) -> timedelta:
        """How long the oldest delivery that is PENDING has been; zero when there is none."""
        ...

    async def sent(self, held: Held, outcome: str, now: datetime) -> bool:
        """The receiver accepted it; the export says so from now on. False when the hold had lapsed."""
        ...

    async def try_again(self, held: Held, outcome: str, due: datetime, now: datetime) -> bool:
        """It did not work, and is due again at `due`. False when the hold had lapsed."""
        ...

    async def give_up(self, held: Held, outcome: str, now: datetime) -> bool:
        """It did not work, and no try is left. False when the hold had lapsed."""
        ...

    async def put_back(self, held: Sequence[Held], due: datetime) -> None:
        """These were not tried: as if they had not been held, but due at `due`. Skips those whose hold had lapsed."""
        ...

    async def deliveries(
        self, tenant: str, export_id: str, *, after: Position | None = None, limit: int | None = None
    ) -> list[Delivery]:
        """Those of an export, deleted or not, by their positions: behind `after` (None: from the first), at most
        `limit` (None: all).
        """
        ...

    async def ids(self, tenant: str, within: IdRange, limit: int) -> list[IdMatch]:
        """Of the tenant's deliveries, at most `limit`, by id."""
        ...

    async def redeliver(self, tenant: str, delivery_id: str, now: datetime) -> Delivery:
        """Make it due now, with all its tries before it again; whatever it was. Raises DeliveryNotFound."""
        ...
