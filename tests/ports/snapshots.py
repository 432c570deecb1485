"""All that a store holds at one moment, whatever it is made of."""

from dataclasses import dataclass, field
from datetime import datetime

from services.api.domain.export import Export
from services.api.domain.history import Transition
from services.api.domain.notifications import Delivery


@dataclass(frozen=True)
class StoredExport:
    """An export with all that stands beside it. `ended_lease` is the lease that its own failure or a cancel ended."""

    export: Export
    lease_id: str | None
    lease_worker: str | None
    lease_confirmed: bool
    lease_expire_time: datetime | None
    lease_count: int
    unconfirmed_count: int
    given_back_count: int
    ended_lease: str
    sealed_password: bytes | None
    deleted: bool


@dataclass(frozen=True)
class StoredDelivery:
    """A delivery, and the hold on it; empty when nobody has one."""

    delivery: Delivery
    lease_id: str


@dataclass(frozen=True)
class Snapshot:
    """By id; the history of an export is in the order of its entries. `strayed` says what is wrong with the line of
    tenants, of a store that keeps one.
    """

    exports: dict[str, StoredExport] = field(default_factory=dict)
    history: dict[str, list[Transition]] = field(default_factory=dict)
    deliveries: tuple[StoredDelivery, ...] = ()
    strayed: tuple[str, ...] = ()
