"""Reads a DuckDB database through Arrow. The values of DuckDB's Python driver are not used.

That driver has no infinity, no months and no digits beyond microseconds, and returns 4-byte reals with the digits of
8-byte reals.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from services.contract.spec import All, JobSpec, Relation
from services.worker.ports import Reading
from services.worker.sources import errors
from services.worker.sources.duckdb import dialect
from services.worker.sources.duckdb.connection import register
from services.worker.sources.duckdb.types import Columns, Stored, widened
from services.worker.sources.rows.columns import NameAmbiguous, named, place_of, source_columns, with_key
from services.worker.sources.rows.conditions import Parameter, quoted
from services.worker.sources.rows.reading import BATCH_ROWS, ReadingFacts, SnapshotReading
from services.worker.sources.sql import address
from services.worker.sources.sql.failures import driver_error, of_words
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.time_bound import time_bound_s, within

if TYPE_CHECKING:
    import duckdb

_LACKS_MODULE = "Required module"


@contextmanager
def opened(connection: "duckdb.DuckDBPyConnection", settings: OtherSqlSettings, spec: JobSpec) -> Iterator[Reading]:
    """Open a reading of every row that may match, at one moment, in the order of the spec. Raises SourceFailed.

    Everything is closed with the context. Otherwise the next open of the file would wait until DuckDB has released it.
    """
    database = _Database(connection, settings)
    try:
        yield database.open(spec)
    finally:
        database.close()


class _Database:
    """Statements in one transaction of one connection."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", settings: OtherSqlSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._rows: Generator[pa.RecordBatch, None, None] | None = None

    def close(self) -> None:
        """End the statement even if rows are left."""
        if self._rows is not None:
            self._rows.close()

    def open(self, spec: JobSpec) -> Reading:
        as_of, time_zone = datetime.now(UTC), self._settings.time_zone
        self._guarded(lambda: register(self._connection, time_zone))
        self._guarded(lambda: self._connection.execute("set arrow_large_buffer_size = true"))
        columns, relation = self._relation(spec)
        matching = dialect.where(spec.filter, columns)
        filtered = spec.filter != All()
        selection = with_key(source_columns(spec, deciding=filtered), spec)
        values = ", ".join(f"{columns.value(c.name, c.type)} as c{i}" for i, c in enumerate(selection))
        rest = f"where {matching.text}{dialect.order(spec, columns)}"
        self._rows = self._batches(f"select {values} from {relation} {rest}", matching.parameters)  # noqa: S608 - quoted
        bound_s = time_bound_s(self._settings.statement_timeout_s, spec)
        filter_ = spec.filter if filtered else None
        facts = ReadingFacts(as_of, None, filter_, utf8=True, page=spec.page, time_zone=time_zone)
        return SnapshotReading(within(self._rows, bound_s, self._settings.id), selection, facts)

    def _relation(self, spec: JobSpec) -> tuple[Columns, str]:
        rows = _rows(spec.relation)
        statement = f"describe select * from {rows}"  # noqa: S608 - quoted
        described = self._guarded(lambda: self._connection.execute(statement).fetchall())
        names = [str(name) for name, *_ in described]
        used = named(spec)
        try:
            places = {name: place_of(name, names) for name in used}
        except NameAmbiguous as ambiguous:
            raise errors.column_ambiguous(self._settings.id, ambiguous.name) from ambiguous
        absent = [name for name in used if places[name] is None]
        if absent:
            raise errors.column_missing(self._settings.id, absent)
        kept = {name: _kept(*described[place][:2]) for name, place in places.items() if place is not None}
        selected = ", ".join(f"{sql} as u{place}" for place, (sql, _) in enumerate(kept.values())) or "1"
        stored = {name: Stored(f"r.u{place}", type_) for place, (name, (_, type_)) in enumerate(kept.items())}
        return Columns(stored, decided_later=True), f"(select {selected} from {rows}) as r"  # noqa: S608 - quoted

    def _batches(self, statement: str, parameters: tuple[Parameter, ...]) -> Generator[pa.RecordBatch, None, None]:
        reader: Any = None
        try:
            reader = self._connection.sql(statement, params=list(parameters)).to_arrow_reader(BATCH_ROWS)
            yield from reader
        except _failures() as error:
            raise self._failed(error) from self._said(error)
        finally:
            if reader is not None:
                reader.close()
            del reader  # a traceback would keep it alive

    def _guarded(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except _failures() as error:
            raise self._failed(error) from self._said(error)

    def _failed(self, error: Exception) -> errors.SourceFailed:
        import duckdb  # noqa: PLC0415 - only a child that reads needs it

        if isinstance(error, _of_statements()) or _LACKS_MODULE in str(error):
            return of_words(str(error), self._settings.id, errors.query_invalid)
        if isinstance(error, duckdb.DataError | duckdb.InvalidInputException):
            return errors.value_unconvertible(self._settings.id)
        return errors.unavailable(self._settings.id)

    def _said(self, error: Exception) -> errors.DriverError:
        """Return the error for the log.

        Only errors of the statement keep their text; others may quote values of rows.
        """
        of_statement = isinstance(error, _of_statements()) or _LACKS_MODULE in str(error)
        told = driver_error(error, of_value=not of_statement)
        return errors.DriverError(address.scrubbed(str(told), self._settings.url))


def _failures() -> tuple[type[Exception], ...]:
    import duckdb  # noqa: PLC0415 - only a child that reads needs it

    return duckdb.Error, pa.ArrowException, OSError


def _of_statements() -> tuple[type[Exception], ...]:
    import duckdb  # noqa: PLC0415 - only a child that reads needs it

    return duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.PermissionException


def _rows(relation: Relation) -> str:
    query = relation.query.strip().rstrip(";")
    return f"(\n{query}\n)" if query else ".".join(map(quoted, relation.table.rpartition(".")[::2])).removeprefix('"".')


def _kept(name: str, type_: str) -> tuple[str, str]:
    """Return an expression with all digits of a column, and its type.

    Values finer than a microsecond and integers of any size become text; digits that are cut from them later are
    counted.
    """
    if type_ in ("TIMESTAMP_NS", "TIME_NS", "BIGNUM"):
        return f"cast({quoted(name)} as varchar)", "VARCHAR"
    return widened(quoted(name), type_)
