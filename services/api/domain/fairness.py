"""Whose turn it is: among tenants only virtual time decides, as in start-time fair queueing.

Each lease moves its tenant's virtual time on by one job over the tenant's weight. A tenant that had nothing to do
starts at the present: it neither saves up turns nor has to catch up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

JOB = 1_000_000
"""Virtual time of one job at weight 1."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a tenant is entitled to: `weight` (0.01 to 100) and how many exports run at once (0: any number)."""

    weight: float = 1.0
    max_running: int = 0


class Shares(Protocol):
    """The shares of all tenants that are in force: a Fairness, or what changes from one to another."""

    @property
    def edition(self) -> int:
        """Another number whenever the shares have changed."""
        ...

    @property
    def caps(self) -> bool:
        """True when some tenant may not run as many as it likes."""
        ...

    def share(self, tenant: str) -> Share:
        """Of a tenant."""
        ...

    def capped(self, tenant: str, running: int) -> bool:
        """True when the tenant runs as many as it may."""
        ...


@dataclass(frozen=True, slots=True)
class Fairness:
    """Shares; a tenant that is not named has the default one."""

    default: Share = Share()
    shares: Mapping[str, Share] = field(default_factory=dict)
    edition: int = 0

    def share(self, tenant: str) -> Share:
        """Of a tenant."""
        return self.shares.get(tenant, self.default)

    @property
    def caps(self) -> bool:
        """True when some tenant may not run as many as it likes."""
        return any(share.max_running for share in (self.default, *self.shares.values()))

    def capped(self, tenant: str, running: int) -> bool:
        """True when the tenant runs as many as it may."""
        return 0 < self.share(tenant).max_running <= running


@dataclass(frozen=True, slots=True)
class Turn:
    """A tenant's place in virtual time: `served` is when its last job began, `vtime` when that one ended."""

    vtime: int = 0
    served: int = 0

    def starts(self, present: int) -> int:
        """When its next job begins; `present` is when the last job of anybody began."""
        return max(self.vtime, present)

    def taken(self, present: int, weight: float) -> "Turn":
        """After one more job."""
        start = self.starts(present)
        return Turn(start + round(JOB / weight), start)


def first(turns: Mapping[str, Turn], present: int) -> str:
    """The tenant whose job begins first; of equals the one that was served least, then by name.

    Whatever the present is, that is the order of (`vtime`, name): a store can keep an index of it.
    """
    return min(turns, key=lambda tenant: (turns[tenant].starts(present), turns[tenant].vtime, tenant))
