"""What tenants use."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from services.api.domain.quotas import Quota


class UsageStore(Protocol):
    """Counts what tenants use. What ExportStore.create counts is counted in its own transaction."""

    async def take(self, tenant: str, quota: Quota, limit: int, now: datetime) -> None:
        """Count one more in the current window of a quota. Raises QuotaExceeded, and then counts nothing."""
        ...

    async def kept_bytes(self, tenant: str, now: datetime) -> int:
        """Return the bytes of the tenant's files that have neither expired nor been deleted."""
        ...

    async def usage(self, tenant: str, now: datetime) -> Mapping[Quota, int]:
        """Return how much a tenant uses of each quota.

        Windows are counted only while their quota is set: without a limit nothing is written.
        """
        ...
