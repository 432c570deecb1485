"""The only thread of a process that writes.

Each change is a unit: a function over the connection, or an item for a verb that takes a list. Units that gather during
a commit go into the next transaction together; consecutive items for the same verb are passed to it in one call. Each
such call and each function has a savepoint of its own, if there are several in a transaction. Callers get their results
after the commit.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby
from typing import Any, TypeVar

import sqlalchemy as sa

from services.api.storage.sql.database import Item, ListVerb
from services.api.storage.sql.faults import Faults, report_list, unavailable
from services.api.storage.sql.prepared import execute_plain
from services.api.storage.sql.readers import Inbox, told
from services.contract.errors import StoreUnavailable

T = TypeVar("T")

Sending = Callable[[sa.Connection], AbstractContextManager[Any]]
"""A context in which statements may be sent without waiting for the one before. At its end all of them are done."""

MAX_BATCH = 256
MAX_TRIES = 5
"""How often a unit is tried with which another transaction interferes."""


class Way(Enum):
    """How a unit is committed."""

    TOGETHER = auto()
    """Together with other units that have gathered."""

    IN_TURN = auto()
    """In a transaction that begins with a lock, so that no two of them run at once in any processes.

    It contains only units of this kind: with other locks it could wait for a transaction that waits for it.
    """

    APART = auto()
    """Between two transactions, outside of any."""


@dataclass(frozen=True, slots=True)
class _Unit:
    work: Callable[[sa.Connection], Any]
    answer: asyncio.Future[Any]
    way: Way = Way.TOGETHER
    verb: ListVerb[Any, Any] | None = None
    item: Any = None


@dataclass(frozen=True, slots=True)
class _Refused:
    """The error that a unit's caller gets instead of a value."""

    error: BaseException


class WriterThread:
    """Runs units of writing in the order of their arrival. One event loop may use it.

    `engine` opens a connection that only this thread uses. `take_turn` takes the lock with which a transaction of
    IN_TURN units begins, if several processes write. `sending` is the context of each unit.
    """

    def __init__(
        self,
        engine: sa.Engine,
        faults: Faults,
        take_turn: Callable[[sa.Connection], None] = lambda _: None,
        sending: Sending = nullcontext,
    ) -> None:
        self._transactions = _Transactions(engine, faults, take_turn, sending)
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox[_Unit](MAX_BATCH, gathers=True)
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="exportd-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a unit and return its value once it is durable. If the caller is cancelled, the unit runs all the same.

        Raises the errors of the unit, and StoreUnavailable if nothing was written, as far as is known.
        """
        return await self._answer(work)

    async def run_listed(self, verb: ListVerb[Item, T], item: Item, way: Way = Way.TOGETHER) -> T:
        """Run an item of a verb that takes a list; see `run`."""
        return await self._answer(lambda db: told(verb(db, [item])[0]), way=way, verb=verb, item=item)

    async def run_apart(self, work: Callable[[sa.Connection], T]) -> T:
        """Run work between two transactions, for what an engine cannot do in one; see `run`.

        `work` must not begin one.
        """
        return await self._answer(work, way=Way.APART)

    async def _answer(self, work: Callable[[sa.Connection], T], **more: Any) -> T:
        if self._closed:
            raise StoreUnavailable
        answer: asyncio.Future[T] = self._loop.create_future()
        self._inbox.put(_Unit(work, answer, **more))
        return await answer

    async def close(self) -> None:
        """Finish all units, then end. Idempotent."""
        if not self._closed:
            self._closed = True
            self._inbox.end()
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while units := self._inbox.take():
            for _, some in groupby(units, key=lambda unit: unit.way):
                together = [*some]
                self._tell(together, self._transactions.outcomes(together))
        self._transactions.close()

    def _tell(self, units: Sequence[_Unit], outcomes: Sequence[Any]) -> None:
        # A closed loop has no callers left.
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


class _InDoubt(Exception):
    """A COMMIT failed, so that it is unknown whether it took place."""


class _Transactions:
    """Transactions over one connection, which is opened when it is first needed, and again after it failed."""

    def __init__(
        self, engine: sa.Engine, faults: Faults, take_turn: Callable[[sa.Connection], None], sending: Sending
    ) -> None:
        self._sending = sending
        self._engine = engine
        self._faults = faults
        self._take_turn = take_turn
        self._connection: sa.Connection | None = None

    def outcomes(self, units: Sequence[_Unit]) -> Sequence[Any]:
        """Return the outcomes of these units, which have the same Way.

        They share a transaction, unless another one interfered.
        """
        for tries in range(1, MAX_TRIES + 1):
            is_used = self._connection is not None
            try:
                return self._outcomes(self._connected(), units)
            except BaseException as error:  # noqa: BLE001 - every caller must get an answer
                self._undo(error)
                cause = error
            may_be_done = isinstance(cause, _InDoubt)
            lost = is_used and tries == 1 and self._faults.is_lost(cause)  # perhaps before these units
            if may_be_done or not (lost or self._faults.is_conflict(cause)):
                break
            if len(units) > 1 and not lost:
                return [outcome for unit in units for outcome in self.outcomes([unit])]
        why = cause.__cause__ if isinstance(cause, _InDoubt) and cause.__cause__ else cause
        return [_Refused(unavailable(why)) for _ in units]

    def close(self) -> None:
        """Close the connection. Its transaction may still be open in the engine after a failed COMMIT. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _undo(self, error: BaseException) -> None:
        """Roll back after a conflict and keep a sound connection; otherwise close it."""
        if self._connection is None or not self._faults.is_conflict(error):
            self.close()
            return
        try:
            self._connection.rollback()
        except Exception:  # noqa: BLE001 - the connection is not sound
            self.close()

    def _connected(self) -> sa.Connection:
        self._connection = self._connection or self._engine.connect()
        return self._connection

    def _outcomes(self, connection: sa.Connection, units: Sequence[_Unit]) -> list[Any]:
        """Run the units and return their outcomes. Raises if the transaction as a whole failed."""
        way = units[0].way
        if way is Way.APART:
            return [self._apart(connection, unit) for unit in units]
        transaction = self._begun(connection, way)
        outcomes = self._all_alone(connection, units)
        if outcomes is None:  # the list failed as a whole
            transaction.rollback()
            transaction = self._begun(connection, way)
            outcomes = [self._attempt(connection, unit.work) for unit in units]
        if len(units) == 1 and isinstance(outcomes[0], _Refused):
            transaction.rollback()
            return outcomes
        try:
            transaction.commit()
        except BaseException as error:
            raise _InDoubt from error
        return outcomes

    def _begun(self, connection: sa.Connection, way: Way) -> sa.Transaction:
        transaction = connection.begin()
        if way is Way.IN_TURN:
            self._take_turn(connection)
        return transaction

    def _all_alone(self, connection: sa.Connection, units: Sequence[_Unit]) -> list[Any] | None:
        """Run the units of a transaction. None if they are for one verb, and it failed."""
        verb = units[0].verb
        if len(units) == 1:
            return [self._alone(connection, units[0])]
        if verb is None or any(unit.verb != verb for unit in units):
            return [*self._runs(connection, units)]
        try:
            with self._sending(connection):
                return self._in_one_call(connection, verb, units)
        except Exception as error:
            if self._faults.is_conflict(error) or self._faults.is_lost(error):
                raise
            report_list(verb, len(units), error)
            return None

    def _apart(self, connection: sa.Connection, unit: _Unit) -> Any:
        try:
            return unit.work(connection)
        except Exception as error:  # noqa: BLE001 - it is its caller's
            return self._refused(error)

    def _alone(self, connection: sa.Connection, unit: _Unit) -> Any:
        """Run a single unit. It needs no savepoint, since the transaction is its own."""
        try:
            with self._sending(connection):
                return unit.work(connection)
        except Exception as error:
            if self._faults.is_conflict(error) or self._faults.is_lost(error):
                raise
            return self._refused(error)

    def _runs(self, connection: sa.Connection, units: Sequence[_Unit]) -> Iterator[Any]:
        for verb, some in groupby(units, key=lambda unit: unit.verb):
            yield from self._run(connection, verb, [*some])

    def _run(self, connection: sa.Connection, verb: ListVerb[Any, Any] | None, units: Sequence[_Unit]) -> Sequence[Any]:
        """Run consecutive units for the same verb, together if possible. Units without a verb run one by one."""
        if verb is not None and len(units) > 1:
            outcomes = self._attempt(connection, lambda db: self._in_one_call(db, verb, units))
            if not isinstance(outcomes, _Refused):
                return outcomes  # type: ignore[no-any-return]
            report_list(verb, len(units), outcomes.error)
        return [self._attempt(connection, unit.work) for unit in units]

    def _in_one_call(self, db: sa.Connection, verb: ListVerb[Any, Any], units: Sequence[_Unit]) -> list[Any]:
        outcomes = verb(db, [unit.item for unit in units])
        return [self._refused(each) if isinstance(each, Exception) else each for each in outcomes]

    def _attempt(self, connection: sa.Connection, work: Callable[[sa.Connection], Any]) -> Any:
        try:
            with self._sending(connection):
                execute_plain(connection, "SAVEPOINT unit")
                value = work(connection)
                execute_plain(connection, "RELEASE unit")
        except Exception as error:
            if self._faults.is_conflict(error) or not self._faults.stands(connection):
                raise  # the other units are lost, too
            execute_plain(connection, "ROLLBACK TO unit")
            execute_plain(connection, "RELEASE unit")
            return self._refused(error)
        return value

    def _refused(self, error: Exception) -> _Refused:
        return _Refused(unavailable(error) if self._faults.is_passing(error) else error)
