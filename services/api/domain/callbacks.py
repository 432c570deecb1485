"""What the operator chooses for the callbacks of a tenant."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class CallbackFormat(Enum):
    """The format of callbacks. XDENT: one when a run has ended. SYNTAGE: an event for each change; see events.py."""

    XDENT = "xdent"
    SYNTAGE = "syntage"


@dataclass(frozen=True, slots=True)
class CallbackDefaults:
    """The format of a tenant's callbacks, and the URL of exports whose request names none; empty: no callback."""

    format: CallbackFormat = CallbackFormat.XDENT
    url: str = field(default="", repr=False)


NO_CALLBACKS = CallbackDefaults()
"""The choices for a tenant of which the tenants file says nothing."""


class TenantCallbacks(Protocol):
    """The current choices for all tenants."""

    def callbacks(self, tenant: str) -> CallbackDefaults:
        """Return the choices for a tenant."""
        ...
