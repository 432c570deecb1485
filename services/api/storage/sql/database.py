"""What the SQL store needs of an engine: transactions, and what the engine spells its own way."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

T = TypeVar("T")
Item = TypeVar("Item")

ListVerb = Callable[[sa.Connection, Sequence[Item]], Sequence[T | Exception]]
"""A unit of work for each of a list: the results, in the same order; an exception is raised to that one's caller.

When it raises, nothing of the list was done, and each is done again by itself.
"""

Columns = sa.ColumnCollection[str, sa.ColumnElement[Any]]
"""Columns of a table, by name."""


class Dialect(Protocol):
    """Statements that no two engines spell alike; all others are SQLAlchemy's business."""

    @property
    def one_writer(self) -> bool:
        """True when transactions that write come one after the other: no row must be locked before it is looked at."""
        ...

    def keep_in_line(self, db: sa.Connection, tenants: Collection[str]) -> None:
        """Until this transaction ends no other one takes these out of the line.

        What this one makes wait, and whom it lets begin, no other one sees before.
        """
        ...

    def may_leave_line(self, db: sa.Connection, tenants: Collection[str]) -> Collection[str]:
        """Those of these that no other transaction keeps in the line; until this one ends, none begins to.

        Only for `write_in_turn`: a transaction that went on after that could be waited for by whom it waits for.
        """
        ...

    def insert_or_set(
        self, table: sa.Table, set_: Sequence[str], when: sa.ColumnElement[bool] | None = None
    ) -> sa.Insert:
        """An INSERT of one row; where one with its primary key is there, these columns of that one are set.

        But for one that is not as `when` says: it stays, and RETURNING returns nothing.
        """
        ...

    def insert_or_merge(self, table: sa.Table, merged: Callable[[Columns], Mapping[str, Any]]) -> sa.Insert:
        """An INSERT of one row; where one with its primary key is there, it becomes what `merged` makes of the new one.

        That row is locked until the transaction ends.
        """
        ...

    def rows_given(self, name: str, types: Mapping[str, sa.types.TypeEngine[Any]]) -> sa.FromClause:
        """A table of what a parameter has: a list in JSON of lists, each with the values of these columns in order."""
        ...

    def insert_or_keep(self, table: sa.Table) -> sa.Insert:
        """An INSERT of one row; where one with its primary key is there, that one stays."""
        ...

    def appended(self, list_: sa.ColumnElement[Any], max_entries: int, **entry: Any) -> sa.ColumnElement[Any]:
        """A JSON list with an object at its end; its first entry makes room when it holds `max_entries` already."""
        ...

    def holds(self, object_: sa.ColumnElement[Any], texts: Mapping[str, str]) -> sa.ColumnElement[bool]:
        """A JSON object has all these texts, one at least, by their names, whatever characters a name has.

        The object is looked through once, however many they are.
        """
        ...


class Database(Protocol):
    """Transactions of one database. Each raises StoreUnavailable when the machine, not the statement, is at fault."""

    @property
    def dialect(self) -> Dialect:
        """How its engine spells."""
        ...

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """The value of a unit of work, once it is durable: all of it or, when it raises, nothing.

        A caller that is cancelled leaves; its unit runs all the same.
        """
        ...

    async def write_listed(self, verb: ListVerb[Item, T], item: Item) -> T:
        """As `write`, by a verb that takes a list: those that gathered one after the other go into one call of it."""
        ...

    async def write_in_turn(self, verb: ListVerb[Item, T], item: Item) -> T:
        """As `write_listed`, for claims: in a transaction that sees all that those before it have done, and no two of
        which run at once, in whatever process.
        """
        ...

    async def read(self, query: Callable[[sa.Connection], T]) -> T:
        """For callers; sees all that was acknowledged before."""
        ...

    async def read_list(self, holder: str, query: Callable[[sa.Connection], T]) -> T:
        """As `read`, and perhaps long: it must delay no other read, and those of one holder none of another's."""
        ...

    async def read_for_workers(self, query: Callable[[sa.Connection], T]) -> T:
        """As `read`, for workers and the clock: what callers read must not hold it up."""
        ...

    async def erase(self) -> bool:
        """As RetentionStore.erase."""
        ...
