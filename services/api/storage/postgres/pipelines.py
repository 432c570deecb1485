"""Statements that are sent without waiting for the one before, so that the server and the program work at once.

An error of a statement whose result nobody asks for is raised later: where the next result is asked for, or at the end
of the pipeline. The transaction has failed by then, like after any error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

from services.api.storage.sql.prepared import own_errors


class PipelineConnection(psycopg.Connection[Any]):
    """A connection whose statements may be sent in a pipeline; see `pipelined`."""

    current: psycopg.Pipeline | None = None

    def unawaited(self) -> psycopg.Cursor[Any]:
        """Return a cursor that waits for the result of a statement when it is asked for rows."""
        return psycopg.Cursor(self)


class AwaitingCursor(psycopg.Cursor[Any]):
    """A cursor that knows the result of a statement once it was executed, as SQLAlchemy expects of it."""

    def execute(self, *args: Any, **more: Any) -> Any:
        """Execute a statement; see psycopg.Cursor.execute."""
        super().execute(*args, **more)
        connection: Any = self.connection
        if connection.current is not None:
            connection.current.sync()
        return self


@contextmanager
def pipelined(db: sa.Connection) -> Iterator[None]:
    """Send the statements of this context in a pipeline, and wait for all of them at its end.

    Raises the errors of SQLAlchemy.
    """
    driver: Any = db.connection.driver_connection
    with own_errors(db):
        try:
            with driver.pipeline() as driver.current:
                yield
        finally:
            driver.current = None
