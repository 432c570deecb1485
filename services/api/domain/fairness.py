"""Which tenant is next: among tenants only virtual time decides, as in start-time fair queueing.

Each lease moves its tenant's virtual time on by one job divided by the tenant's weight. A tenant that had no work
starts at the present: it neither saves up turns nor has to catch up. Stores move it up to just behind the present when
it comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

JOB = 1_000_000
"""The virtual time of one job at weight 1."""

BEHIND = 1
"""How far a tenant that comes back to the line stands behind the present: a millionth of a job.

So those who wait already for a job that begins at the present go first, and a store knows that nobody will come before
them.
"""


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a tenant: its `weight` (0.01 to 100) and how many of its exports may run at once (0: unlimited)."""

    weight: float = 1.0
    max_running: int = 0


class Shares(Protocol):
    """The current shares of all tenants: a Fairness, or an object that switches from one Fairness to another."""

    @property
    def edition(self) -> int:
        """A number that differs whenever the shares have changed."""
        ...

    @property
    def caps(self) -> bool:
        """Whether any tenant has a cap on its running exports."""
        ...

    def share(self, tenant: str) -> Share:
        """Return the share of a tenant."""
        ...

    def capped(self, tenant: str, running: int) -> bool:
        """Whether a tenant with `running` exports in PROCESSING has reached its cap."""
        ...


@dataclass(frozen=True, slots=True)
class Fairness:
    """The shares of tenants. A tenant that is not named has the default share."""

    default: Share = Share()
    shares: Mapping[str, Share] = field(default_factory=dict)
    edition: int = 0

    def share(self, tenant: str) -> Share:
        """Return the share of a tenant."""
        return self.shares.get(tenant, self.default)

    @property
    def caps(self) -> bool:
        """Whether any tenant has a cap on its running exports."""
        return any(share.max_running for share in (self.default, *self.shares.values()))

    def capped(self, tenant: str, running: int) -> bool:
        """Whether a tenant with `running` exports in PROCESSING has reached its cap."""
        return 0 < self.share(tenant).max_running <= running


@dataclass(frozen=True, slots=True)
class Turn:
    """A tenant's place in virtual time: `served` is when its last job began, `vtime` when that job ended."""

    vtime: int = 0
    served: int = 0

    def starts(self, present: int) -> int:
        """Return when the tenant's next job begins. `present` is when the last job of any tenant began."""
        return max(self.vtime, present)

    def taken(self, present: int, weight: float) -> "Turn":
        """Return the turn after one more job."""
        start = self.starts(present)
        return Turn(start + round(JOB / weight), start)


def first(turns: Mapping[str, Turn], present: int) -> str:
    """Return the tenant whose job begins first. Ties are broken by the earlier `vtime`, then by name.

    For every `present` this is the order of (`vtime`, name), so a store can keep an index of it.
    """
    return min(turns, key=lambda tenant: (turns[tenant].starts(present), turns[tenant].vtime, tenant))
