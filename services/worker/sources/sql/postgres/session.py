"""A connection to PostgreSQL through psycopg, and the rows of a COPY statement."""

import os
import select
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any

from services.worker.ports import Lines, LinesUnfit
from services.worker.sources import errors
from services.worker.sources.rows.conditions import Parameter
from services.worker.sources.sql.failures import of_state
from services.worker.sources.sql.postgres import guards
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.transaction import driver_said, is_not_unicode, is_wrong_value, with_options

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

_BLOCK_BYTES = 1 << 20
_ROWS_AT_ONCE = 256
"""Rows read before the connection is checked again.

Their data is still in the CPU cache, and the server goes on in the meantime.
"""


@contextmanager
def connected(settings: PostgresSettings) -> Iterator["Session"]:
    """Connect to the database. Raises SourceFailed."""
    import psycopg  # noqa: PLC0415 - only a child that reads needs it

    try:
        # No prepared statements: a connection pool between worker and server may not support them.
        connection = psycopg.connect(
            with_options(settings.url),
            client_encoding="utf8",
            cursor_factory=psycopg.RawCursor,
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        raise errors.unavailable(settings.id, guards.tls_words(str(error))) from driver_said(error, settings.url)
    try:
        yield Session(connection, settings)
    finally:
        connection.close()


class Session:
    """Runs statements one after the other on one connection of psycopg."""

    def __init__(self, connection: Any, settings: PostgresSettings) -> None:
        self._connection = connection
        self._settings = settings

    def rows(self, sql: str, parameters: tuple[Parameter, ...] = ()) -> list[tuple[Any, ...]]:
        """See transaction.Statements."""
        with self._guarded():
            cursor = self._connection.execute(sql, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    def names(self, relation: str) -> list[str]:
        """See transaction.Statements."""
        with self._guarded(naming=True):
            cursor = self._connection.execute(f"select * from {relation} limit 0")  # noqa: S608 - quoted
            return [column.name for column in cursor.description]

    def modifiers(self, sql: str) -> list[int]:
        """Return the type modifier of each column of a statement; -1 when its declared type has none.

        Raises SourceFailed.
        """
        with self._guarded():
            result = self._connection.execute(sql).pgresult
            return [result.fmod(index) for index in range(result.nfields)]

    def undo(self) -> None:
        """Roll the transaction back, even after an error. Raises SourceFailed."""
        with self._guarded():
            self._connection.rollback()

    def hang_up(self) -> None:
        """Shut the connection down from another thread, so that a running statement fails soon.

        The connection cannot be used again.
        """
        with suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)

    def copied(self, statement: str, line_end: bytes) -> Generator[Lines | int, None, None]:
        """Yield the rows of a COPY statement in blocks, each row with `line_end`.

        The last item is the number of rows that the server reports. Raises SourceFailed or LinesUnfit.
        """
        server: PGconn = self._connection.pgconn
        with self._guarded():
            self._check(server.exec_(statement.encode()))
            yield from _blocks(_rows(server), line_end)
            yield self._ended(server)

    def _ended(self, server: "PGconn") -> int:
        sent = 0
        while (result := server.get_result()) is not None:
            self._check(result)
            sent = result.command_tuples or 0
        return sent

    def _check(self, result: "PGresult") -> None:
        from psycopg.errors import error_from_result  # noqa: PLC0415 - only a child that reads needs it
        from psycopg.pq import DiagnosticField, ExecStatus  # noqa: PLC0415

        if result.status not in (ExecStatus.FATAL_ERROR, ExecStatus.NONFATAL_ERROR):
            return
        state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
        if is_wrong_value(state):
            raise LinesUnfit
        raise error_from_result(result)

    @contextmanager
    def _guarded(self, *, naming: bool = False) -> Iterator[None]:
        """Convert errors of the driver to SourceFailed. `naming`: the statement only asks for names of columns."""
        import psycopg  # noqa: PLC0415 - only a child that reads needs it

        try:
            yield
        except psycopg.Error as error:
            unnamed = naming and is_not_unicode(error.sqlstate)
            failed = (errors.name_not_utf8 if unnamed else partial(of_state, error.sqlstate))(self._settings.id)
            raise failed from driver_said(error, self._settings.url)


def _rows(server: "PGconn") -> Iterator[list[Any]]:
    """Yield rows without their line ends, some at a time. The server sends one row per message.

    A driver that waits for the next message blocks every other thread, so only messages that have arrived are read.
    """
    arriving = select.poll()
    arriving.register(server.socket, select.POLLIN)
    length = 0
    while length >= 0:
        rows: list[Any] = []
        for length, message in map(server.get_copy_data, repeat(1, _ROWS_AT_ONCE)):
            if length <= 0:
                break
            rows.append(message[:-1])
        yield rows
        if length == 0:
            arriving.poll()
            server.consume_input()


def _blocks(parts: Iterator[list[Any]], line_end: bytes) -> Iterator[Lines]:
    """Join rows into blocks of about a MiB."""
    pieces: list[bytes] = []
    size = count = 0
    for rows in parts:
        if rows:
            rows.append(b"")
            pieces.append(line_end.join(rows))
            size, count = size + len(pieces[-1]), count + len(rows) - 1
        if size >= _BLOCK_BYTES:
            yield Lines(b"".join(pieces), count)
            pieces, size, count = [], 0, 0
    if count:
        yield Lines(b"".join(pieces), count)
