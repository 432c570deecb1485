"""Threads that read, each over its own connection, which cannot write.

Queries that gather while a thread reads are answered together. Each handover between a thread and the event loop waits
for the interpreter's lock on both sides, which costs more than finding a row by an index.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

import sqlalchemy as sa

from services.api.storage.sql.database import Item, ListVerb
from services.api.storage.sql.faults import Faults, report_list, unavailable
from services.contract.errors import StoreUnavailable

T = TypeVar("T")

MAX_TOGETHER = 64
"""How many queries are answered together. The first of them waits for the last."""

GATHERING_TURNS = 10
"""After how many turns of the loop without another item those that have gathered are handed over."""

REMEMBERED, ALONE = 8, 1.1
"""Over how many times the usual number of items is averaged, and up to which number they come alone."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query; or, with a verb, an item of it, of which `query` asks alone."""

    query: Callable[[sa.Connection], Any]
    answer: asyncio.Future[Any]
    verb: ListVerb[Any, Any] | None = None
    item: Any = None


@dataclass(frozen=True, slots=True)
class _Failed:
    """The error that a caller gets instead of a value."""

    error: BaseException


class Inbox(Generic[T]):
    """Passes items from an event loop to threads, in their order. At most `most` items (2 or more) are taken at once.

    A thread that is woken competes with the loop for the interpreter's lock. So all items of one turn of the loop are
    handed over together. With `gathers` that is not enough: gRPC accepts one call a turn. While items usually do not
    come alone, they are handed over after GATHERING_TURNS turns in which none came. The loop does not sleep in between,
    so that this takes microseconds if nothing else is to be done. Otherwise the thread would only have slowed it down.
    """

    def __init__(self, most: int, *, gathers: bool = False) -> None:
        self._most = most
        self._gathers = gathers
        self._usual = 1.0
        self._loop = asyncio.get_running_loop()
        self._put: list[T] = []
        self._handed: SimpleQueue[list[T] | None] = SimpleQueue()

    @property
    def waiting(self) -> int:
        """The number of items that were put and not handed over."""
        return len(self._put)

    def put(self, item: T) -> None:
        """Put an item; it is handed over soon. To be called in the loop."""
        if not self._put:
            self._loop.call_soon(self._gather, 0, 0)
        self._put.append(item)

    def end(self, threads: int = 1) -> None:
        """Announce the end of the items to this number of threads. To be called in the loop."""
        self._hand_over()
        for _ in range(threads):
            self._handed.put(None)

    def take(self) -> list[T]:
        """Wait for an item and take all that have gathered. Return an empty list at the end, once for each thread."""
        items: list[T] = []
        some = self._handed.get()
        while some is not None:
            items += some
            if len(items) > self._most // 2:
                return items
            try:
                some = self._handed.get_nowait()
            except Empty:
                return items
        if items:
            self._handed.put(None)  # the end follows after these items
        return items

    def _gather(self, before: int, turns: int) -> None:
        """Hand over, or look again in the next turn. `before` items were there in the last turn, `turns` are left."""
        if self.waiting > before:
            turns = GATHERING_TURNS if self._gathers and self._usual > ALONE else 0
        if turns and self.waiting < self._most // 2:
            self._loop.call_soon(self._gather, self.waiting, turns - 1)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        """Hand over the items in parts, of which two are no more than may be taken at once."""
        put, self._put = self._put, []
        if put:
            self._usual += (len(put) - self._usual) / REMEMBERED
        size = self._most // 2
        for start in range(0, len(put), size):
            self._handed.put(put[start : start + size])


class Readers:
    """Runs queries, each in the first of its threads that is free. One event loop may use it.

    `engine` opens connections that see everything that was committed before a query begins. `gathers`: see Inbox.
    """

    def __init__(self, engine: sa.Engine, faults: Faults, threads: int, name: str, *, gathers: bool = False) -> None:
        self._engine = engine
        self._faults = faults
        self._loop = asyncio.get_running_loop()
        self._inbox = Inbox[_Asked](MAX_TOGETHER, gathers=gathers)
        self._closed = False
        self._threads = [threading.Thread(target=self._serve, name=name, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    async def run(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a query and return its result. Raises the errors of the query, and StoreUnavailable.

        If the caller is cancelled, the query runs all the same.
        """
        return await self._answer(query)

    async def run_listed(self, verb: ListVerb[Item, T], item: Item) -> T:
        """Run an item of a verb that takes a list; see `run`. Items that gather are passed to the verb in one call."""
        return await self._answer(lambda db: told(verb(db, [item])[0]), verb, item)

    async def _answer(
        self, query: Callable[[sa.Connection], T], verb: ListVerb[Any, T] | None = None, item: Any = None
    ) -> T:
        if self._closed:
            raise StoreUnavailable
        answer: asyncio.Future[T] = self._loop.create_future()
        self._inbox.put(_Asked(query, answer, verb, item))
        return await answer

    async def close(self) -> None:
        """Answer all queries, then end. Idempotent."""
        if not self._closed:
            self._closed = True
            self._inbox.end(len(self._threads))
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        reader = _Reader(self._engine, self._faults)
        while gathered := self._inbox.take():
            groups = _by_verb(gathered)
            asked = [each for group in groups for each in group]
            outcomes = [outcome for group in groups for outcome in reader.outcomes(group)]
            if not self._loop.is_closed():  # a closed loop has no callers left
                self._loop.call_soon_threadsafe(_settle, asked, outcomes)
        reader.close()


class _Reader:
    """A connection that is opened when it is first needed, and again after it failed."""

    def __init__(self, engine: sa.Engine, faults: Faults) -> None:
        self._engine = engine
        self._faults = faults
        self._connection: sa.Connection | None = None

    def outcomes(self, asked: Sequence[_Asked]) -> Sequence[Any]:
        """Return the result of each of these, which have the same verb or none, or a _Failed."""
        verb = asked[0].verb
        if verb is None or len(asked) == 1:
            return [self.outcome(each.query) for each in asked]
        together = self.outcome(lambda db: verb(db, [each.item for each in asked]))
        if not isinstance(together, _Failed):
            return [_Failed(each) if isinstance(each, Exception) else each for each in together]
        if isinstance(together.error, StoreUnavailable):  # each alone would wait for the database once more
            return [together] * len(asked)
        report_list(verb, len(asked), together.error)
        return [self.outcome(each.query) for each in asked]

    def outcome(self, query: Callable[[sa.Connection], Any]) -> Any:
        """Return the result of a query, or a _Failed."""
        is_used = self._connection is not None
        try:
            return self._answer(query)
        except BaseException as error:  # noqa: BLE001  # it is passed to the caller
            if is_used and self._faults.is_lost(error):  # it may have been lost long before this query
                return self.outcome(query)
            return _Failed(unavailable(error) if self._faults.is_passing(error) else error)

    def _answer(self, query: Callable[[sa.Connection], Any]) -> Any:
        try:
            self._connection = self._connection or self._engine.connect()
            return query(self._connection)
        except sa.exc.DBAPIError:
            self.close()  # an unfinished statement would keep its old snapshot
            raise

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _by_verb(asked: Sequence[_Asked]) -> Sequence[Sequence[_Asked]]:
    """Return those with the same verb together, and those without one. No read depends on the order of others."""
    groups: dict[ListVerb[Any, Any] | None, list[_Asked]] = {}
    for each in asked:
        groups.setdefault(each.verb, []).append(each)
    return [*groups.values()]


def told(outcome: T | Exception) -> T:
    """Return the outcome of an item of a verb, or raise it."""
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _settle(asked: Sequence[_Asked], outcomes: Sequence[Any]) -> None:
    for each, outcome in zip(asked, outcomes, strict=True):
        if each.answer.done():  # its caller was cancelled
            continue
        if isinstance(outcome, _Failed):
            each.answer.set_exception(outcome.error)
        else:
            each.answer.set_result(outcome)


class FairSlots:
    """A number of slots for all holders, of which each holder has at most one at a time.

    Of each holder only one request waits for a slot, so that a holder waits at most for as many requests as there are
    holders before it.
    """

    def __init__(self, slots: int) -> None:
        self._free = asyncio.Semaphore(slots)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def held(self, holder: str) -> AsyncIterator[None]:
        """Wait for a slot, and hold it while the context lasts."""
        turn = self._turns.setdefault(holder, asyncio.Lock())
        async with turn, self._free:
            yield
