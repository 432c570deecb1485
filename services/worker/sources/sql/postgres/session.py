"""A connection to PostgreSQL through psycopg, and the rows of a COPY on it."""

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
"""Rows between two looks at the server: what they hold still lies in the cache, and meanwhile it goes on."""


@contextmanager
def connected(settings: PostgresSettings) -> Iterator["Session"]:
    """A connection to the database of the settings. Raises SourceFailed."""
    import psycopg  # noqa: PLC0415 - only a child that reads needs it

    try:
        # What psycopg makes of a statement that comes again a pool of connections may not know.
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
    """Statements one after the other on one connection of psycopg."""

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
        """For each column of a statement what its declared type has in brackets; -1: nothing. Raises SourceFailed."""
        with self._guarded():
            result = self._connection.execute(sql).pgresult
            return [result.fmod(index) for index in range(result.nfields)]

    def undo(self) -> None:
        """End the transaction, whatever became of it. Raises SourceFailed."""
        with self._guarded():
            self._connection.rollback()

    def hang_up(self) -> None:
        """What is under way fails soon. Called by another thread; the connection is of no more use then."""
        with suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)

    def copied(self, statement: str, line_end: bytes) -> Generator[Lines | int, None, None]:
        """The rows of a COPY in blocks, each with `line_end`, then how many the server says it sent.

        Raises SourceFailed, LinesUnfit.
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
        """Errors of the driver become SourceFailed. `naming`: nothing but the names of columns is asked for."""
        import psycopg  # noqa: PLC0415 - only a child that reads needs it

        try:
            yield
        except psycopg.Error as error:
            unnamed = naming and is_not_unicode(error.sqlstate)
            failed = (errors.name_not_utf8 if unnamed else partial(of_state, error.sqlstate))(self._settings.id)
            raise failed from driver_said(error, self._settings.url)


def _rows(server: "PGconn") -> Iterator[list[Any]]:
    """Rows without their line ends, some at a time: the server sends one a message.

    A driver that waits for the next message delays every other thread; so it is only asked for what is there.
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
    """Rows joined into blocks that are worth being handed on."""
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
