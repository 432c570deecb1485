"""Statements through ADBC. Their rows are Arrow batches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from services.worker.sources import errors
from services.worker.sources.rows.conditions import Parameter
from services.worker.sources.sql.failures import driver_error

Failure = Callable[[Exception], errors.SourceFailed]
"""Converts an error of the driver to the failure for callers."""
Said = Callable[[Exception], errors.DriverError]
"""Converts an error of the driver to the text for the log."""


class Session:
    """Runs statements one after the other on one connection of ADBC."""

    def __init__(self, connection: Any, failure: Failure, said: Said = driver_error) -> None:
        self._connection = connection
        self._failure = failure
        self._said = said

    def rows(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement with few rows. Raises SourceFailed."""
        with self.guarded(), self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall())

    def names(self, relation: str) -> list[str]:
        """Return the names of a relation's columns. Raises SourceFailed."""
        with self.guarded(), self._connection.cursor() as cursor:
            cursor.execute(f"select * from {relation} limit 0")  # noqa: S608 - quoted
            return [each[0] for each in cursor.description]

    def batches(self, sql: str, parameters: tuple[Parameter, ...] = (), **options: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a statement in batches as they arrive.

        `options` are options of ADBC's statement. Raises SourceFailed.
        """
        with self.guarded(), self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**options)
            cursor.execute(sql, parameters or None)
            with cursor.fetch_record_batch() as reader:
                yield from reader

    def end(self) -> None:
        """Commit the transaction, which ends its snapshot.

        The next statement begins another one. Raises SourceFailed.
        """
        with self.guarded():
            self._connection.commit()

    def undo(self) -> None:
        """Roll the transaction back, even after an error. Raises SourceFailed."""
        with self.guarded():
            self._connection.rollback()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Convert errors of the driver to SourceFailed."""
        import adbc_driver_manager  # noqa: PLC0415 - only a child that reads needs it

        try:
            yield
        except (adbc_driver_manager.Error, pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._failure(error) from self._said(error)
