"""What errors of a database mean."""

from typing import Protocol

import sqlalchemy as sa

from services.contract.errors import StoreUnavailable


class Faults(Protocol):
    """What an engine's errors mean."""

    def is_passing(self, error: BaseException) -> bool:
        """The machine, not the statement, is at fault: the same statement may succeed later."""
        ...

    def is_conflict(self, error: BaseException) -> bool:
        """Another transaction was in the way: the whole transaction is to be done again."""
        ...

    def is_lost(self, error: BaseException) -> bool:
        """The connection is gone, and its transaction with it."""
        ...

    def stands(self, db: sa.Connection) -> bool:
        """After a statement has failed: the transaction is there, and can go back to a savepoint."""
        ...


def unavailable(cause: BaseException) -> StoreUnavailable:
    """A new one for each caller, that keeps the cause for the log."""
    refusal = StoreUnavailable()
    refusal.__cause__ = cause
    return refusal
