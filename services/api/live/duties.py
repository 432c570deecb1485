"""The duties of a process that is alone."""

from datetime import timedelta

from services.api.ports.live import Duty


class LocalDuties:
    """Every duty belongs to this process."""

    async def mine(self, duty: Duty, lasts: timedelta) -> bool:  # noqa: ARG002 - its signature
        """Return True."""
        return True

    async def lay_down(self) -> None:
        """Do nothing: there is no other process."""
