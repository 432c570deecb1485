"""Statements through ADBC, whose rows come as Arrow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from services.worker.sources import errors
from services.worker.sources.rows.conditions import Parameter
from services.worker.sources.sql.failures import driver_error

Failure = Callable[[Exception], errors.SourceFailed]
"""What an error of the driver means for callers."""
Said = Callable[[Exception], errors.DriverError]
"""What of it is for the log."""


class Session:
    """Statements one after the other on one connection of ADBC."""

    def __init__(self, connection: Any, failure: Failure, said: Said = driver_error) -> None:
        self._connection = connection
        self._failure = failure
        self._said = said

    def rows(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement that gives few. Raises SourceFailed."""
        with self.guarded(), self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall())

    def names(self, relation: str) -> list[str]:
        """Columns of a relation. Raises SourceFailed."""
        with self.guarded(), self._connection.cursor() as cursor:
            cursor.execute(f"select * from {relation} limit 0")  # noqa: S608 - quoted
            return [each[0] for each in cursor.description]

    def batches(self, sql: str, parameters: tuple[Parameter, ...] = (), **options: str) -> Iterator[pa.RecordBatch]:
        """All rows of a statement, as they come; `options` are of ADBC's statement. Raises SourceFailed."""
        with self.guarded(), self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**options)
            cursor.execute(sql, parameters or None)
            with cursor.fetch_record_batch() as reader:
                yield from reader

    def end(self) -> None:
        """End the transaction, and its snapshot; the next statement begins another one. Raises SourceFailed."""
        with self.guarded():
            self._connection.commit()

    def undo(self) -> None:
        """End the transaction, whatever became of it. Raises SourceFailed."""
        with self.guarded():
            self._connection.rollback()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Errors of the driver become SourceFailed."""
        import adbc_driver_manager  # noqa: PLC0415 - only a child that reads needs it

        try:
            yield
        except (adbc_driver_manager.Error, pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._failure(error) from self._said(error)
