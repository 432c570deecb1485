"""The meaning of PostgreSQL's errors."""

from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.pq import TransactionStatus

CONNECTION, CONFLICT, RESOURCES, INTERVENTION, SYSTEM = "08", "40", "53", "57", "58"
"""Classes of SQLSTATE."""

ENDED = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})
"""The server has ended the session, because it stops or because the session was idle for too long."""

PASSING = frozenset({
    "25006",  # read only: a standby that is not yet promoted
    "55P03",  # a lock was not available in time
})  # fmt: skip


class PostgresFaults:
    """The Faults of PostgreSQL."""

    def is_passing(self, error: BaseException) -> bool:
        code = _code(error)
        classes = (CONNECTION, CONFLICT, RESOURCES, INTERVENTION, SYSTEM)
        return self.is_lost(error) or code in PASSING or code[:2] in classes

    def is_conflict(self, error: BaseException) -> bool:
        return _code(error)[:2] == CONFLICT

    def is_lost(self, error: BaseException) -> bool:
        code = _code(error)
        if code:
            return code[:2] == CONNECTION or code in ENDED
        return isinstance(_cause(error), psycopg.OperationalError | psycopg.InterfaceError)

    def stands(self, db: sa.Connection) -> bool:
        driver: Any = db.connection.driver_connection
        return driver.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)


def _cause(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, sa.exc.DBAPIError) else error


def _code(error: BaseException) -> str:
    """Return the SQLSTATE; empty for an error that does not come from the server."""
    return getattr(_cause(error), "sqlstate", None) or ""
