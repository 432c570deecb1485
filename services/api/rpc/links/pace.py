"""How often one link can be used and downloaded with."""

import math
from collections import OrderedDict
from collections.abc import Callable

from services.contract.errors import QuotaExceeded

USES_AT_ONCE = 120
SECONDS_A_USE = 0.5
"""A link can be used so often at once, and then once in this time. Each use and each download of a part count."""

MAX_LINKS = 10_000
"""Of how many links a process remembers the uses. Those used least recently are forgotten first."""

USES_OF_LINK = "uses_of_link"
"""What a refusal calls this limit."""


class LinkPace:
    """A token bucket for each link, in the memory of this process.

    Each use is a row of the audit trail. Whoever has a link must not write them without end.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic` returns seconds and never goes back."""
        self._monotonic = monotonic
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, link_id: str) -> None:
        """Count a use. Raises QuotaExceeded, with the time until the next one."""
        now = self._monotonic()
        full_at = max(self._full_at.get(link_id, now), now) + SECONDS_A_USE
        if (early_s := full_at - now - USES_AT_ONCE * SECONDS_A_USE) > 0:
            raise QuotaExceeded(USES_OF_LINK, USES_AT_ONCE, USES_AT_ONCE, max(1, math.ceil(early_s)))
        self._full_at[link_id] = full_at
        self._full_at.move_to_end(link_id)
        if len(self._full_at) > MAX_LINKS:
            self._full_at.popitem(last=False)
