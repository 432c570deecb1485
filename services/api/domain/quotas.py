"""Quotas of tenants: how much one tenant may use of what all share."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from services.contract.errors import QuotaExceeded

WAITING_DELAY_S = 5
"""When to try again after too many exports were waiting: they may be built by then."""


class Quota(Enum):
    """What is counted of a tenant."""

    WAITING = "waiting"
    """Exports that wait: QUEUED, or FAILED and to be retried."""

    RUNNING = "running"
    """Exports in PROCESSING. A tenant that runs as many as it may waits; it is never refused for this."""

    KEPT_BYTES = "kept_bytes"
    """Bytes of files that have neither expired nor been deleted."""

    CREATES = "creates_a_minute"
    """Exports that were created in the current minute."""

    PREVIEWS = "previews_a_minute"
    """Previews in the current minute."""

    NOTIFICATIONS = "notifications_a_day"
    """Addresses and callbacks that exports were created with on the current day (UTC)."""

    LINKS = "links"
    """Download links that can still be used, those of mails among them."""


WINDOWS = {
    Quota.CREATES: timedelta(minutes=1),
    Quota.PREVIEWS: timedelta(minutes=1),
    Quota.NOTIFICATIONS: timedelta(days=1),
}
"""Quotas that begin anew with each of these lengths of time, counted from 1970 UTC."""

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Quotas:
    """The limits of a tenant; 0 means no limit. Without domains, those of the server's settings are allowed."""

    waiting: int = 0
    kept_bytes: int = 0
    creates_a_minute: int = 0
    previews_a_minute: int = 0
    notifications_a_day: int = 0
    links: int = 0
    mail_domains: tuple[str, ...] = ()
    callback_domains: tuple[str, ...] = ()

    def limit(self, quota: Quota) -> int:
        """Return the limit of a quota; 0 means none."""
        limit: int = getattr(self, quota.value, 0)
        return limit

    @property
    def of_creates(self) -> bool:
        """Whether creating an export is limited by anything that the store counts."""
        return bool(self.waiting or self.creates_a_minute or self.notifications_a_day)


UNLIMITED_QUOTAS = Quotas()
"""The quotas of a tenant for which none are set."""


class TenantQuotas(Protocol):
    """The current quotas of all tenants."""

    def quotas(self, tenant: str) -> Quotas:
        """Return the quotas of a tenant."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """How much of a quota a tenant has used in the window that began at `start`."""

    start: datetime
    used: int

    def taken(self, quota: Quota, count: int, limit: int, now: datetime) -> "Window":
        """Return the window after `count` more. Raises QuotaExceeded."""
        start = max(window_start(quota, now), self.start)
        used = self.used if start == self.start else 0
        if used + count > limit:
            raise exceeded(quota, used, limit, now)
        return Window(start, used + count)


def window_start(quota: Quota, now: datetime) -> datetime:
    """Return when the window of `now` began."""
    return now - (now - _EPOCH) % WINDOWS[quota]


def exceeded(quota: Quota, used: int, limit: int, now: datetime) -> QuotaExceeded:
    """Return the refusal of a tenant that has used `used` of `limit`. What waits is counted up to the limit."""
    return QuotaExceeded(quota.value, used, limit, _wait_s(quota, now))


def _wait_s(quota: Quota, now: datetime) -> int:
    """Return the seconds after which the quota may have room; 0 if nobody knows."""
    if quota is Quota.WAITING:
        return WAITING_DELAY_S
    if quota not in WINDOWS:
        return 0
    left = window_start(quota, now) + WINDOWS[quota] - now
    return int(left.total_seconds()) + 1
