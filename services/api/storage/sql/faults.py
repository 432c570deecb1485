"""The meaning of a database's errors."""

from typing import Any, Protocol

import sqlalchemy as sa

from services.contract.errors import StoreUnavailable
from services.runtime import logs


class Faults(Protocol):
    """The meaning of an engine's errors."""

    def is_passing(self, error: BaseException) -> bool:
        """Whether the cause is the machine and not the statement, so that the same statement may succeed later."""
        ...

    def is_conflict(self, error: BaseException) -> bool:
        """Whether another transaction interfered, so that the whole transaction must be repeated."""
        ...

    def is_lost(self, error: BaseException) -> bool:
        """Whether the connection is lost, and its transaction with it."""
        ...

    def stands(self, db: sa.Connection) -> bool:
        """Whether, after a failed statement, the transaction still exists and can be rolled back to a savepoint."""
        ...


def unavailable(cause: BaseException) -> StoreUnavailable:
    """Return a new StoreUnavailable for a caller, with the cause for the log."""
    refusal = StoreUnavailable()
    refusal.__cause__ = cause
    return refusal


def report_list(verb: Any, count: int, error: BaseException) -> None:
    """Report that a verb failed for a list of so many items, each of which is done by itself now.

    No caller notices, but it is slow, and perhaps a defect.
    """
    logs.get().warning("list_failed", verb=verb.__name__, count=count, error=type(error).__name__)
