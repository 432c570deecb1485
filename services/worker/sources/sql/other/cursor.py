"""Rows of any other database, through a cursor of SQLAlchemy on the server.

It is not known which comparisons such a database makes exactly. A condition reduces the rows that are sent if the type
of a column is known, and the worker decides every row.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from services.contract.outcome import Consistency
from services.contract.spec import All, AnyOf, Filter, JobSpec, Kind, Operator, ReadingMode, Term, Value
from services.worker.ports import Reading
from services.worker.sources import errors
from services.worker.sources.rows.columns import SourceColumn, source_columns, with_key
from services.worker.sources.rows.reading import BATCH_ROWS, ReadingFacts, SnapshotReading
from services.worker.sources.rows.step import utc
from services.worker.sources.sql import address
from services.worker.sources.sql.failures import driver_error, of_words
from services.worker.sources.sql.names import resolved
from services.worker.sources.sql.other import duckdb_reading
from services.worker.sources.sql.other.driver_values import array
from services.worker.sources.sql.other.engine import engine
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.time_bound import time_bound_s, within

if TYPE_CHECKING:
    import sqlalchemy as sa

_ONE_STATEMENT_ONE_MOMENT = frozenset({"mysql", "mariadb", "oracle"})
_NUMBER, _TEXT, _DAY = "number", "text", "day"
_KNOWN = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "integer", "bigint"), _NUMBER),
    **dict.fromkeys(("decimal", "numeric", "real", "float", "double", "double precision"), _NUMBER),
    **dict.fromkeys(("char", "varchar", "text", "character", "character varying", "longtext"), _TEXT),
    **dict.fromkeys(("date", "datetime", "timestamp", "timestamp with time zone"), _DAY),
}
"""Types that a condition may compare, by the names in the standard's information schema."""
_NOT_UTF8 = "Could not decode to UTF-8"
"""Part of SQLite's error for a text that is not UTF-8. It looks like an error of the statement."""
_SHARE = Decimal("1e-9")
_ZONES = timedelta(days=2)


class CursorReading(SnapshotReading):
    """The ports.Reading of one statement. In some databases a statement does not see a single moment."""

    def __init__(
        self,
        raw: Iterator[pa.RecordBatch],
        selection: tuple[SourceColumn, ...],
        facts: ReadingFacts,
        *,
        one_moment: bool,
    ) -> None:
        super().__init__(raw, selection, facts)
        if not one_moment:
            self.consistency = Consistency.PAGED
            self.as_of = None


@contextmanager
def opened(settings: OtherSqlSettings, spec: JobSpec) -> Iterator[Reading]:
    """Open a reading of the spec. Raises SourceFailed."""
    if spec.reading is ReadingMode.KEYSET:
        raise errors.reading_unsupported(settings.id)
    with ExitStack() as stack:
        with guarded(settings, connecting=True)():
            connection = stack.enter_context(engine(settings).connect())
            driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "duckdb":
            own = stack.enter_context(closing(driver.cursor().cursor()))  # with results that SQLAlchemy does not manage
            yield stack.enter_context(duckdb_reading.opened(own, settings, spec))
            return
        cursor = stack.enter_context(closing(_Cursor(connection, settings, guarded(settings))))
        yield cursor.open(spec)


def guarded(settings: OtherSqlSettings, *, connecting: bool = False) -> Callable[[], Any]:
    """Return a context in which errors of the database become SourceFailed. `connecting`: all errors are transient."""

    @contextmanager
    def guard() -> Iterator[None]:
        import sqlalchemy.exc as sae  # noqa: PLC0415

        try:
            yield
        except (sae.SQLAlchemyError, ImportError, OSError, UnicodeDecodeError) as error:
            failed = errors.unavailable(settings.id) if connecting else _failure(error, settings.id)
            of_value = isinstance(error, sae.DataError | sae.IntegrityError) or _NOT_UTF8 in str(error)
            told = driver_error(getattr(error, "orig", None) or error, of_value=of_value)
            raise failed from errors.DriverError(address.scrubbed(str(told), settings.url))

    return guard


def _failure(error: Exception, source_id: str) -> errors.SourceFailed:
    import sqlalchemy.exc as sae  # noqa: PLC0415

    if isinstance(error, UnicodeDecodeError):
        return errors.name_not_utf8(source_id)
    if isinstance(error, sae.DataError) or _NOT_UTF8 in str(error):
        return errors.value_unconvertible(source_id)
    refused = isinstance(error, sae.ProgrammingError | sae.NoSuchTableError)
    text = str(getattr(error, "orig", None) or error)
    return of_words(text, source_id, errors.query_invalid if refused else errors.unavailable)


class _Cursor:
    """One statement on one connection."""

    def __init__(self, connection: "sa.Connection", settings: OtherSqlSettings, guard: Callable[[], Any]) -> None:
        self._connection = connection
        self._settings = settings
        self._guard = guard
        self._meant: Mapping[str, str] = {}
        self._rows: Generator[pa.RecordBatch, None, None] | None = None

    def close(self) -> None:
        """End the statement even if rows are left. Without its connection it could not be closed later."""
        if self._rows is not None:
            self._rows.close()

    def open(self, spec: JobSpec) -> Reading:
        """Read every row that may match, in the order of the spec."""
        as_of, time_zone = datetime.now(UTC), self._settings.time_zone
        with self._guard():
            types = self._types(spec)
            relation = self._relation(spec)
        narrowed = bool(spec.filter != All())
        selection = with_key(source_columns(spec, deciding=narrowed), spec)
        facts = ReadingFacts(as_of, None, spec.filter if narrowed else None, page=spec.page, time_zone=time_zone)
        statement = _statement(relation, spec, [c.name for c in selection], types, self._meant)
        bound_s = time_bound_s(self._settings.statement_timeout_s, spec)
        self._rows = self._batches(statement, selection)
        rows = within(self._rows, bound_s, self._settings.id)
        one_moment = self._connection.dialect.name in _ONE_STATEMENT_ONE_MOMENT
        return CursorReading(rows, selection, facts, one_moment=one_moment)

    def _relation(self, spec: JobSpec) -> "sa.FromClause":
        """Return the relation with all its columns, and note which of them the names of the spec refer to."""
        import sqlalchemy as sa  # noqa: PLC0415

        bare = _bare(spec)
        names = list(self._connection.execute(sa.select(sa.text("*")).select_from(bare).where(sa.false())).keys())
        self._meant = resolved(spec, names, self._settings.id)
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in names]
        query = spec.relation.query.strip().rstrip(";")
        if query:
            return _text(query).columns(*columns).subquery("r")
        schema, _, table = spec.relation.table.rpartition(".")
        return sa.table(table, *columns, schema=schema or None).alias("r")

    def _types(self, spec: JobSpec) -> dict[str, str]:
        """Return the known types of a table's columns if the database has the standard's information schema.

        Empty for a query.
        """
        import sqlalchemy as sa  # noqa: PLC0415

        schema, _, table = spec.relation.table.rpartition(".")
        listed = "select column_name, data_type from information_schema.columns where table_name = :table"
        of_schema = " and table_schema = :schema" if schema else ""
        parameters = {"table": table, "schema": schema} if schema else {"table": table}
        try:
            rows = self._connection.execute(sa.text(listed + of_schema), parameters).all() if table else []
        except sa.exc.SQLAlchemyError:  # without types, no condition is sent
            self._connection.rollback()
            return {}
        types: dict[str, set[str]] = {}
        for name, type_ in rows:
            types.setdefault(name.casefold(), set()).add(str(type_).lower())
        single = {name: each.pop().partition("(")[0] for name, each in types.items() if len(each) == 1}
        return {name: _KNOWN[type_] for name, type_ in single.items() if type_ in _KNOWN}

    def _batches(
        self, statement: "sa.Select[Any]", selection: tuple[SourceColumn, ...]
    ) -> Generator[pa.RecordBatch, None, None]:
        with self._guard():
            streamed = self._connection.execution_options(stream_results=True, yield_per=BATCH_ROWS)
            with streamed.execute(statement) as result:
                try:
                    for rows in result.partitions():
                        yield _batch(rows, selection)
                except UnicodeDecodeError as error:
                    raise errors.value_unconvertible(self._settings.id) from driver_error(error)


def _bare(spec: JobSpec) -> "sa.FromClause":
    import sqlalchemy as sa  # noqa: PLC0415

    query = spec.relation.query.strip().rstrip(";")
    if query:
        return _text(query).columns().subquery("r")
    schema, _, table = spec.relation.table.rpartition(".")
    return sa.table(table, schema=schema or None)


def _text(query: str) -> "sa.TextClause":
    """Return a query as it is. A colon in it does not begin a parameter."""
    import sqlalchemy as sa  # noqa: PLC0415

    return sa.text(query.replace(":", r"\:"))


def _statement(
    relation: "sa.FromClause", spec: JobSpec, names: list[str], types: dict[str, str], meant: Mapping[str, str]
) -> "sa.Select[Any]":
    import sqlalchemy as sa  # noqa: PLC0415

    columns = {name: relation.c[column] for name, column in meant.items()}
    values = [columns[name].label(f"c{i}") for i, name in enumerate(names)]
    order: list[Any] = []
    for term in spec.order:
        column = columns[term.column]
        # Not every dialect supports NULLS LAST.
        order.append(sa.case((column.is_(None), 0 if term.nulls_first else 1), else_=1 if term.nulls_first else 0))
        order.append(column.desc() if term.descending else column.asc())
    return sa.select(*values).where(_condition(spec.filter, columns, types)).order_by(*order)


def _condition(filter_: Filter, columns: dict[str, Any], types: dict[str, str]) -> Any:
    """Return a condition that all matching rows fulfil. Other rows may fulfil it, too."""
    import sqlalchemy as sa  # noqa: PLC0415

    match filter_:
        case Term():
            column = columns[filter_.column]
            if filter_.operator is Operator.IS_NULL:
                return column.is_(None)
            if filter_.operator is Operator.IS_NOT_NULL:
                return column.is_not(None)
            condition = _narrowed(filter_, column, types.get(filter_.column.casefold(), ""))
            return sa.or_(condition, column.is_(None)) if filter_.or_null else condition
        case All(filters):
            return sa.and_(sa.true(), *(_condition(f, columns, types) for f in filters))
        case AnyOf(filters):
            return sa.or_(sa.false(), *(_condition(f, columns, types) for f in filters))


def _narrowed(term: Term, column: Any, stored: str) -> Any:
    import sqlalchemy as sa  # noqa: PLC0415

    kind = term.type.kind
    if kind is Kind.TEXT and stored == _TEXT and term.operator is Operator.EQUALS and not term.ignore_case:
        return column.in_([str(v) for v in term.values])
    if kind in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT) and stored == _NUMBER:
        return _between(term, column, _around_number)
    if kind in (Kind.DATE, Kind.TIMESTAMP) and stored == _DAY:
        return _between(term, column, _around_day)
    return sa.true()


def _between(term: Term, column: Any, around: Callable[[Value], tuple[Any, Any]]) -> Any:
    """Return a condition with a generous margin around the values."""
    import sqlalchemy as sa  # noqa: PLC0415

    bounds = [around(v) for v in term.values]
    conditions = []
    if term.operator not in (Operator.LESS, Operator.LESS_OR_EQUAL):
        conditions.append(column >= min(low for low, _ in bounds))
    if term.operator not in (Operator.GREATER, Operator.GREATER_OR_EQUAL):
        conditions.append(column <= max(high for _, high in bounds))
    return sa.and_(*conditions)


def _around_number(value: Value) -> tuple[Any, Any]:
    if isinstance(value, int):
        return value, value
    number = Decimal(str(value))
    margin = 1 + abs(number) * _SHARE
    return float(number - margin), float(number + margin)


def _around_day(value: Value) -> tuple[Any, Any]:
    day = utc(value).date() if isinstance(value, datetime) else value
    assert isinstance(day, date)  # noqa: S101 - a term's values are of its type
    return day - min(_ZONES, day - date.min), day + min(_ZONES, date.max - day)


def _batch(rows: Any, selection: tuple[SourceColumn, ...]) -> pa.RecordBatch:
    """Convert rows to columns: text for parse.py, bytes for binary."""
    columns = [array(values, column.type) for values, column in zip(zip(*rows, strict=True), selection, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=[f"c{i}" for i in range(len(columns))])
