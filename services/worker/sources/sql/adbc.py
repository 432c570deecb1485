"""Statements through ADBC, whose rows come as Arrow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from services.worker.sources import errors
from services.worker.sources.rows.conditions import Parameter

Failure = Callable[[Exception], errors.SourceFailed]
"""What an error of the driver means for callers."""


LOCKED = "55P03"
"""SQLSTATE of PostgreSQL: somebody else's lock was waited for long enough."""


class DriverError(Exception):
    """The text of a driver's error, for the log, without secrets."""


class Session:
    """Statements one after the other on one connection of ADBC; `scrub` takes secrets out of an error's text."""

    def __init__(self, connection: Any, source_id: str, failure: Failure, scrub: Callable[[str], str] = str) -> None:
        self._connection = connection
        self._source_id = source_id
        self._failure = failure
        self._scrub = scrub

    def rows(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement that gives few. Raises SourceFailed."""
        with self.guarded(), self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall())

    def names(self, relation: str) -> list[str]:
        """Columns of a relation. Raises SourceFailed, with RELATION_MISSING when it can't be asked."""
        import adbc_driver_manager  # noqa: PLC0415 - only a child that reads needs it

        with self.guarded(), self._connection.cursor() as cursor:
            try:
                cursor.execute(f"select * from {relation} limit 0")  # noqa: S608 - quoted
            except adbc_driver_manager.ProgrammingError as error:
                if error.sqlstate == LOCKED:
                    raise
                raise errors.relation_missing(self._source_id) from error
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
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            raise self._failure(error) from DriverError(self._scrub(f"{type(error).__name__}: {error}"))
