"""The meaning of a database's errors."""

from typing import Protocol

import sqlalchemy as sa

from services.contract.errors import StoreUnavailable


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
