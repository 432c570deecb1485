"""The one thread that writes.

Each change is a unit: a function over the connection, or an item for a verb that takes a list. What gathered while the
last commit ran goes into the next transaction, items that follow each other for the same verb in one call of it; each
such call and each function stands behind a savepoint of its own, and its caller hears of it after the commit.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import sqlalchemy as sa

from services.api.storage.sql.database import Item, ListVerb
from services.contract.errors import StoreUnavailable

T = TypeVar("T")

MAX_BATCH = 256

PASSING = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
})  # fmt: skip
"""What SQLite answers when the machine, not the statement, is at fault."""

DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""What SQLite answers when the file is at fault."""


def is_passing(error: BaseException) -> bool:
    """The same statement may succeed later."""
    return _code(error) in PASSING


def is_damage(error: BaseException) -> bool:
    """The file is not what SQLite wrote."""
    return _code(error) in DAMAGE


def _code(error: BaseException) -> int | None:
    """SQLite's primary result code; None for another's error."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def unavailable(cause: BaseException) -> StoreUnavailable:
    """A new one for each caller, that keeps the cause for the log."""
    refusal = StoreUnavailable()
    refusal.__cause__ = cause
    return refusal


@dataclass(frozen=True, slots=True)
class _Unit:
    work: Callable[[sa.Connection], Any]
    answer: asyncio.Future[Any]
    is_apart: bool = False
    """Runs between two transactions, in none."""
    verb: ListVerb[Any, Any] | None = None
    item: Any = None


@dataclass(frozen=True, slots=True)
class _Refused:
    """What a unit's caller gets instead of a value."""

    error: BaseException


class WriterThread:
    """Runs units of writing in the order in which they came; one event loop may use it.

    `engine` opens a connection whose transactions begin IMMEDIATE; the thread alone uses it.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._inbox: SimpleQueue[_Unit | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="exportd-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """The unit's value, once it is durable. A caller that is cancelled leaves; its unit runs all the same.

        Raises what the unit raises, and StoreUnavailable when nothing was written.
        """
        return await self._answer(work)

    async def run_listed(self, verb: ListVerb[Item, T], item: Item) -> T:
        """As `run`, for an item of a verb that takes a list."""
        return await self._answer(lambda db: _told(verb(db, [item])[0]), verb=verb, item=item)

    async def run_apart(self, work: Callable[[sa.Connection], T]) -> T:
        """As `run`, between two transactions: for what SQLite does in none. `work` begins none either."""
        return await self._answer(work, is_apart=True)

    async def _answer(self, work: Callable[[sa.Connection], T], **more: Any) -> T:
        if self._closed:
            raise StoreUnavailable
        answer: asyncio.Future[T] = self._loop.create_future()
        self._inbox.put(_Unit(work, answer, **more))
        return await answer

    async def close(self) -> None:
        """Finish what was taken on, then end. Idempotent."""
        if not self._closed:
            self._closed = True
            self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        connection: sa.Connection | None = None
        while units := self._next_units():
            try:
                connection = connection or self._engine.connect()
                outcomes = _outcomes(connection, units)
            except BaseException as error:  # noqa: BLE001  # whatever it was, nobody may wait for ever
                _drop(connection)
                connection = None
                outcomes = [_Refused(unavailable(error)) for _ in units]
            self._tell(units, outcomes)
        _drop(connection)

    def _next_units(self) -> list[_Unit]:
        """Wait for one, and take what has gathered; empty at the end."""
        units: list[_Unit] = []
        unit = self._inbox.get()
        while unit is not None:
            units.append(unit)
            if len(units) == MAX_BATCH:
                return units
            try:
                unit = self._inbox.get_nowait()
            except Empty:
                return units
        if units:
            self._inbox.put(None)  # the end comes after these
        return units

    def _tell(self, units: Sequence[_Unit], outcomes: Sequence[Any]) -> None:
        # A loop that is closed has no callers left.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle, units, outcomes)


def _settle(units: Sequence[_Unit], outcomes: Sequence[Any]) -> None:
    for unit, outcome in zip(units, outcomes, strict=True):
        if unit.answer.done():  # its caller was cancelled
            continue
        if isinstance(outcome, _Refused):
            unit.answer.set_exception(outcome.error)
        else:
            unit.answer.set_result(outcome)


def _outcomes(connection: sa.Connection, units: Sequence[_Unit]) -> list[Any]:
    """What each came to, in their order; those apart run after the transaction of the others."""
    together = [unit for unit in units if not unit.is_apart]
    committed = iter(_commit(connection, together) if together else ())
    return [_apart(connection, unit) if unit.is_apart else next(committed) for unit in units]


def _apart(connection: sa.Connection, unit: _Unit) -> Any:
    try:
        return unit.work(connection)
    except Exception as error:  # noqa: BLE001  # it is its caller's
        return _refused(error)


def _commit(connection: sa.Connection, units: Sequence[_Unit]) -> list[Any]:
    """What each unit came to, durable. Raises when the transaction as a whole failed."""
    if len(units) == 1:
        return [_commit_alone(connection, units[0])]
    with connection.begin():
        runs = groupby(units, key=lambda unit: unit.verb)
        return [outcome for verb, run in runs for outcome in _run(connection, verb, [*run])]


def _run(connection: sa.Connection, verb: ListVerb[Any, Any] | None, units: Sequence[_Unit]) -> list[Any]:
    """Those that follow each other for the same verb, together if they can be; those for none one by one."""
    if verb is not None and len(units) > 1:
        outcomes = _attempt(connection, lambda db: verb(db, [unit.item for unit in units]))
        if not isinstance(outcomes, _Refused):
            return [_refused(outcome) if isinstance(outcome, Exception) else outcome for outcome in outcomes]
    return [_attempt(connection, unit.work) for unit in units]


def _told(outcome: T | Exception) -> T:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _commit_alone(connection: sa.Connection, unit: _Unit) -> Any:
    """Alone, a unit needs no savepoint: its transaction is its own."""
    transaction = connection.begin()
    try:
        value = unit.work(connection)
    except Exception as error:  # noqa: BLE001  # it is its caller's
        transaction.rollback()
        return _refused(error)
    transaction.commit()
    return value


def _attempt(connection: sa.Connection, work: Callable[[sa.Connection], Any]) -> Any:
    connection.exec_driver_sql("SAVEPOINT unit")
    try:
        value = work(connection)
    except Exception as error:
        if not _in_transaction(connection):
            raise  # SQLite has rolled back everything, the other units too
        connection.exec_driver_sql("ROLLBACK TO unit")
        value = _refused(error)
    connection.exec_driver_sql("RELEASE unit")
    return value


def _drop(connection: sa.Connection | None) -> None:
    """Close it for good: after a failed COMMIT, SQLite may still be inside of the transaction."""
    if connection is not None:
        connection.invalidate()
        connection.close()


def _refused(error: Exception) -> _Refused:
    return _Refused(unavailable(error) if is_passing(error) else error)


def _in_transaction(connection: sa.Connection) -> bool:
    driver: Any = connection.connection.driver_connection
    return bool(driver.in_transaction)
