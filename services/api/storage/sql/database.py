"""What the SQL store needs of an engine: transactions, and statements in its dialect."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

T = TypeVar("T")
Item = TypeVar("Item")

ListVerb = Callable[[sa.Connection, Sequence[Item]], Sequence[T | Exception]]
"""A unit of work for a list of items.

It returns the results in the same order; an exception among them is raised to the caller of that item. If it raises,
nothing of the list was done, and each item is done again by itself.
"""

Columns = sa.ColumnCollection[str, sa.ColumnElement[Any]]
"""The columns of a table, by name."""


class Dialect(Hashable, Protocol):
    """The statements that differ between engines. All others are left to SQLAlchemy."""

    @property
    def one_writer(self) -> bool:
        """Whether writing transactions run one after the other, so that no row must be locked before it is read."""
        ...

    @property
    def horizon(self) -> Sequence[sa.ColumnElement[Any]]:
        """The columns of a query for what other transactions may still do (see floors.py). None with one writer.

        `server` is the run of the server, `oldest` the oldest transaction in progress that writes, `next` the next one
        that will write, and `is_unwritten` whether this transaction has written nothing yet.
        """
        ...

    def keep_in_line(self, db: sa.Connection, tenants: Collection[str]) -> None:
        """Keep these tenants in the line: until this transaction ends, no other transaction removes them.

        No other transaction sees earlier which exports this one makes wait, and which tenants it frees from their caps.
        """
        ...

    def may_leave_line(self, db: sa.Connection, tenants: Collection[str]) -> Collection[str]:
        """Return those of these tenants that no other transaction keeps in the line.

        Until this one ends, none begins to.

        Only for `write_in_turn`, and only at the end of a transaction: a transaction that continued afterwards could
        wait for a transaction that waits for it.
        """
        ...

    def insert_or_set(
        self, table: sa.Table, set_: Sequence[str], when: sa.ColumnElement[bool] | None = None
    ) -> sa.Insert:
        """Return an INSERT of one row. If a row with its primary key exists, these columns of that row are set instead.

        If `when` is given and does not hold for the existing row, that row stays unchanged and RETURNING returns
        nothing.
        """
        ...

    def insert_or_merge(
        self,
        table: sa.Table,
        merged: Callable[[Columns], Mapping[str, Any]],
        when: Callable[[Columns], sa.ColumnElement[bool]] | None = None,
    ) -> sa.Insert:
        """Return an INSERT of one row.

        If a row with its primary key exists, it is changed to what `merged` returns for the new one, but only if `when`
        holds for both; otherwise it stays and RETURNING returns nothing.

        The row is locked until the transaction ends.
        """
        ...

    def rows_given(self, name: str, types: Mapping[str, sa.types.TypeEngine[Any]]) -> sa.FromClause:
        """Return a table of the rows in a parameter.

        The parameter is a JSON list of lists, each with the values of these columns in order.
        """
        ...

    def insert_or_keep(self, table: sa.Table) -> sa.Insert:
        """Return an INSERT of one row. If a row with one of its unique keys exists, that stays unchanged."""
        ...

    def appended(self, list_: sa.ColumnElement[Any], max_entries: int, **entry: Any) -> sa.ColumnElement[Any]:
        """Return a JSON list with an object appended.

        If it already has `max_entries` entries, the first one is removed.
        """
        ...

    def holds(self, object_: sa.ColumnElement[Any], texts: Mapping[str, str]) -> sa.ColumnElement[bool]:
        """Return whether a JSON object has all these texts, at least one, under their names.

        Names may have any characters.

        The object is scanned once, however many texts there are.
        """
        ...


class Database(Protocol):
    """Transactions of one database. Each raises StoreUnavailable if the cause is the machine and not the statement."""

    @property
    def dialect(self) -> Dialect:
        """The dialect of the engine."""
        ...

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a unit of work and return its value once it is durable. If it raises, nothing is written.

        If the caller is cancelled, the unit runs all the same.
        """
        ...

    async def write_listed(self, verb: ListVerb[Item, T], item: Item) -> T:
        """Write like `write`, with a verb that takes a list.

        Items that gather one after the other are passed to it in one call.
        """
        ...

    async def write_in_turn(self, verb: ListVerb[Item, T], item: Item) -> T:
        """Write like `write_listed`, for claims.

        The transaction sees everything that earlier ones have done, and no two of them run at once in any processes.
        """
        ...

    async def read(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a query for a caller. It sees everything that was acknowledged before."""
        ...

    async def read_listed(self, verb: ListVerb[Item, T], item: Item) -> T:
        """Read like `read`, with a verb that takes a list. Items that gather are passed to it in one call."""
        ...

    async def read_list(self, holder: str, query: Callable[[sa.Connection], T]) -> T:
        """Run a query that may take long.

        It must not delay other reads, and those of one holder must not delay another's.
        """
        ...

    async def read_for_workers(self, query: Callable[[sa.Connection], T]) -> T:
        """Run a query for workers or the clock. Reads of callers must not delay it."""
        ...

    async def erase(self) -> bool:
        """See `RetentionStore.erase`."""
        ...
