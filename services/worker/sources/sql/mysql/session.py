"""A connection to a MySQL or MariaDB database through PyMySQL. Its statements see one snapshot after the other."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from services.contract.codes import FailureCode
from services.contract.spec import Relation
from services.runtime.addresses import tls_reason
from services.worker.sources import errors
from services.worker.sources.rows.conditions import Parameter
from services.worker.sources.rows.reading import BATCH_ROWS
from services.worker.sources.sql import address
from services.worker.sources.sql.failures import driver_error, of_words
from services.worker.sources.sql.mysql import dialect
from services.worker.sources.sql.mysql.settings import MysqlSettings

if TYPE_CHECKING:
    import sqlalchemy as sa

_CONNECT_TIMEOUT_S = 10
_WRITE_TIMEOUT_S = 3_600
"""How long the server waits, in seconds, for a worker that is busy with rows that it has received."""
_TIMED_OUT = frozenset({1969, 3024})
_LOCKED = 1205
_NO_TLS = 2026
_WRONG_STATEMENT = frozenset({1044, 1052, 1054, 1060, 1064, 1102, 1103, 1109, 1142, 1143, 1146, 1273, 1305, 1356, 1370})
_SNAPSHOT = "start transaction with consistent snapshot, read only"

Guard = Callable[[], AbstractContextManager[None]]
"""A context in which errors of the database become SourceFailed."""


@contextmanager
def connected(settings: MysqlSettings, statement_timeout_s: float = 0) -> Iterator["Session"]:
    """Connect and begin a snapshot. The session's time zone is UTC. Raises SourceFailed."""
    guard = guarded(settings)
    with guard():
        connection = connection_of(settings)
    try:
        session = Session(connection, guard)
        session.prepare(statement_timeout_s)
        yield session
    finally:
        connection.close()


def connection_of(settings: MysqlSettings) -> "sa.Connection":
    """Connect; no statement waits for a lock longer than `lock_timeout_s`. Raises SQLAlchemyError or ImportError."""
    import sqlalchemy as sa  # noqa: PLC0415 - only a child that reads needs it

    # Options in the address take precedence. They may concern timeouts and TLS only.
    arguments = {"charset": "utf8mb4", "connect_timeout": _CONNECT_TIMEOUT_S, "local_infile": False}
    engine = sa.create_engine(settings.url, poolclass=sa.NullPool, hide_parameters=True, connect_args=arguments)
    connection = engine.execution_options(isolation_level="REPEATABLE READ").connect()
    if settings.lock_timeout_s:
        seconds = math.ceil(settings.lock_timeout_s)
        connection.exec_driver_sql(f"set session lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}")
    return connection


class Session:
    """Runs statements one after the other.

    All statements between `begin` and `end` see one snapshot. A `%` in a statement must be doubled. `as_of` is the time
    of the snapshot by the server's clock.
    """

    def __init__(self, connection: "sa.Connection", guard: Guard) -> None:
        self._connection = connection
        self._guard = guard
        self.as_of = datetime.now(UTC)

    def prepare(self, statement_timeout_s: float) -> None:
        """Set the options of the session and begin a snapshot. Raises SourceFailed."""
        mariadb = getattr(self._connection.dialect, "is_mariadb", False)
        bound = f"max_statement_time = {statement_timeout_s:f}"
        if not mariadb:
            bound = f"max_execution_time = {round(statement_timeout_s * 1000)}"
        options = f"time_zone = '+00:00', net_write_timeout = {_WRITE_TIMEOUT_S}, sql_select_limit = default, {bound}"
        self.rows(f"set session {options}")
        self.begin()

    def begin(self) -> None:
        """End the snapshot and begin another one. Raises SourceFailed."""
        ((now,),) = self.rows("select cast(utc_timestamp(6) as char)")
        # read before the snapshot, so that no change falls in between
        self.as_of = datetime.fromisoformat(now).replace(tzinfo=UTC)
        self.rows(_SNAPSHOT)

    def end(self) -> None:
        """End the snapshot. Raises SourceFailed."""
        self.rows("rollback")

    def rows(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement with few rows. Raises SourceFailed."""
        with self._guard():
            result = self._connection.exec_driver_sql(sql, parameters)
            return [tuple(row) for row in result] if result.returns_rows else []

    def described(self, relation: Relation) -> list[tuple[str, int, int]]:
        """Return names, Codes and scales of a relation's columns without reading a row. Raises SourceFailed.

        Of a table, only columns that the account may select are returned.
        """
        try:
            return self._described(relation, "*")
        except errors.SourceFailed as failed:
            if failed.code is not FailureCode.PERMISSION_DENIED or not relation.table:
                raise
            readable = self._readable(relation)
            if not readable:
                raise
        return self._described(relation, _selected(readable))

    def denies(self, relation: Relation, names: Sequence[str]) -> bool:
        """Whether the account may not select these columns of a table; False when they do not exist."""
        try:
            self._described(relation, _selected(names))
        except errors.SourceFailed as failed:
            return failed.code is FailureCode.PERMISSION_DENIED
        return False

    def batches(self, sql: str, parameters: tuple[Parameter, ...]) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield the rows of a statement in parts as they arrive. Raises SourceFailed."""
        with self._guard():
            options = {"stream_results": True, "yield_per": BATCH_ROWS}
            with self._connection.exec_driver_sql(sql, parameters, execution_options=options) as result:
                yield from result.partitions()

    def types(self, relation: Relation) -> dict[str, str]:
        """Return the types of a table's columns in the server's words, by name without case."""
        listed = self.rows(f"show columns from {dialect.table_name(relation)}")
        return {name.casefold(): type_ for name, type_, *_ in listed}

    def _described(self, relation: Relation, selected: str) -> list[tuple[str, int, int]]:
        with self._guard():
            statement = f"select {selected} from {dialect.relation(relation)} limit 0"  # noqa: S608 - quoted
            result = self._connection.exec_driver_sql(statement)
            description: Any = result.cursor.description if result.cursor else ()
            return [(each[0], each[1], each[5]) for each in description]

    def _readable(self, relation: Relation) -> list[str]:
        """Return the columns of a table that the account may select, if it may not select all of them."""
        listed = self.rows(f"show full columns from {dialect.table_name(relation)}")
        return [name for name, *_, privileges, _ in listed if "select" in str(privileges).split(",")]


def _selected(names: Sequence[str]) -> str:
    return ", ".join(f"r.{dialect.quoted(name)}" for name in names)


def guarded(settings: MysqlSettings) -> Guard:
    """Return a context in which errors of the database become SourceFailed, caused by the database's message."""

    @contextmanager
    def guard() -> Iterator[None]:
        import sqlalchemy.exc as sae  # noqa: PLC0415 - only a child that reads needs it

        try:
            yield
        except (sae.SQLAlchemyError, ImportError, OSError) as error:
            original = getattr(error, "orig", None) or error
            told = driver_error(original, of_value=isinstance(error, sae.DataError | sae.IntegrityError))
            said = errors.DriverError(address.scrubbed(str(told), settings.url))
            raise _failed(error, str(original), settings.id) from said

    return guard


def _number(error: Exception) -> int:
    """Return the server's number of an error; 0 for other errors."""
    arguments = getattr(getattr(error, "orig", None), "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0


def _failed(error: Exception, text: str, source_id: str) -> errors.SourceFailed:
    number = _number(error)
    if number in _TIMED_OUT:
        return errors.too_long(source_id)
    if number == _LOCKED:
        return errors.locked(source_id)
    if number in _WRONG_STATEMENT:
        return of_words(text, source_id, errors.query_invalid)
    return errors.unavailable(source_id, _tls_words(error, number))


def _tls_words(error: Exception, number: int) -> str:
    """Return the TLS error of a failed connection; empty for other errors."""
    reason = tls_reason(error) or ("the server does not support it" if number == _NO_TLS else "")
    return f"TLS: {reason}" if reason else ""
