"""The outbox: notifications that are still to be sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.api.domain.audit import NOBODY, Origin
from services.api.domain.notifications import Channel, Delivery, Held, Position
from services.api.ports.exports import IdMatch, IdRange


class Outbox(Protocol):
    """The notifications, which are stored by the transaction that ends a run.

    They are held, tried and settled like jobs.

    Every method raises StoreUnavailable if nothing was written.
    """

    async def hold(self, limit: int, until: datetime | Mapping[Channel, datetime], now: datetime) -> list[Held]:
        """Hold up to `limit` due deliveries until `until`, so that nobody else gets them before.

        This counts as an attempt of each.

        `until` is one time, or one for each channel.
        """
        ...

    async def next_due(self) -> datetime | None:
        """Return when the next delivery is due, which may be in the past; None if no delivery is PENDING."""
        ...

    async def oldest(self, now: datetime) -> timedelta:
        """Return how long the oldest PENDING delivery has been waiting; zero if there is none."""
        ...

    async def sent(self, held: Held, outcome: str, now: datetime) -> bool:
        """Mark a delivery as accepted by its receiver, and its export likewise. Return False if the hold had lapsed."""
        ...

    async def try_again(self, held: Held, outcome: str, due: datetime, now: datetime) -> bool:
        """Record a failed attempt and make the delivery due again at `due`. Return False if the hold had lapsed."""
        ...

    async def give_up(self, held: Held, outcome: str, now: datetime) -> bool:
        """Record the last failed attempt and give the delivery up. Return False if the hold had lapsed."""
        ...

    async def put_back(self, held: Sequence[Held], due: datetime) -> None:
        """Undo the hold of deliveries that were not attempted, and make them due at `due`. Lapsed holds are skipped."""
        ...

    async def deliveries(
        self, tenant: str, export_id: str, *, after: Position | None = None, limit: int | None = None
    ) -> list[Delivery]:
        """Return the deliveries of an export, deleted or not, by position.

        At most `limit` are returned (None: all), starting after `after` (None: with the first).
        """
        ...

    async def ids(self, tenant: str, within: IdRange, limit: int) -> list[IdMatch]:
        """Return the tenant's deliveries whose ids are in a range: at most `limit`, sorted by id."""
        ...

    async def redeliver(self, tenant: str, delivery_id: str, now: datetime, *, by: Origin = NOBODY) -> Delivery:
        """Make a delivery due now with a full number of attempts, whatever its state. Raises DeliveryNotFound."""
        ...
