"""A guarded statement over a list: parameters of the single one become columns of a table of given rows.

The rows are one parameter in JSON, so that the statement is the same for any number of them.
"""

import json
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Never, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql.visitors import replacement_traverse

from services.api.storage.sql.column_types import MICROSECOND, JsonType, OrderedJson, to_json, to_micros
from services.api.storage.sql.database import Dialect
from services.api.storage.sql.prepared import Inserts, Prepared, execute
from services.api.storage.sql.rows import Row

T = TypeVar("T")
Item = TypeVar("Item")

Types = Mapping[str, sa.types.TypeEngine[Any]]
"""The types of the columns of the given rows, by name."""


class Listed:
    """A statement whose rows are given as a list. Each may change one row of the table, and no two the same row.

    A list of one is often the whole list. Where a statement costs no way to another machine, it is then the statement
    for one row: reading it from JSON costs as much as finding and changing it.
    """

    def __init__(
        self, statement: sa.Update | sa.Delete | sa.Insert, names: Collection[str], one: Prepared | None = None
    ) -> None:
        """`one` is the statement for a single row, with parameters of these names."""
        self._statement = Prepared(statement)
        self._names = tuple(names)
        self._one = one

    @classmethod
    def of(cls, dialect: Dialect, change: sa.Update, parameters: Types, sets: Types | None = None) -> Self:
        """Return the UPDATE for a list. `parameters` are those of `change`; `sets` are further columns that it sets."""
        types = {**parameters, **(sets or {})}
        given = dialect.rows_given("given", types)
        whole = change.values({name: given.c[name] for name in sets}) if sets else change
        one = Prepared(change, sets=[*(sets or ())]) if dialect.one_writer else None
        return cls(_with_rows(whole, given, parameters), types, one)

    @classmethod
    def inserting(
        cls, dialect: Dialect, insert: sa.Insert, columns: Sequence[str], row: sa.Select[Any], parameters: Types
    ) -> Self:
        """Return an INSERT of what `row` selects for each given row, sorted by their columns."""
        given = dialect.rows_given("given", parameters)
        rows = _with_rows(row, given, parameters).select_from(given).order_by(*given.c)
        single = insert.from_select([*columns], row.where(sa.true()))  # without WHERE, ON CONFLICT would be a join's ON
        return cls(insert.from_select([*columns], rows), parameters, Prepared(single) if dialect.one_writer else None)

    def run(self, db: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> Sequence[Never]:
        """Run a statement that returns nothing."""
        rows = [*rows]
        if self._one is not None and len(rows) == 1:
            self._one.run(db, rows[0])
        elif rows:
            self._statement.run(db, {"given": json.dumps(self._given(rows))})
        return ()

    def changed(self, db: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> Sequence[Row]:
        """Run the UPDATE and return what RETURNING returns for the changed rows, in no particular order."""
        rows = [*rows]
        if self._one is not None and len(rows) == 1:
            return self._one.all(db, rows[0])
        return self._statement.all(db, {"given": json.dumps(self._given(rows))}) if rows else []

    def _given(self, rows: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
        return [[plain(row[name]) for name in self._names] for row in rows]


class Appended(Inserts):
    """An INSERT of rows that sets these columns of a table, and no other ones.

    PostgreSQL begins each execution of an INSERT with all the rules that a row obeys: for one of `exports` that takes
    longer than to store it. So several rows are one statement there, too.
    """

    def __init__(self, table: sa.Table, columns: Sequence[str]) -> None:
        super().__init__(sa.insert(table).inline(), columns)
        self._table = table.name
        self._columns = [table.c[name] for name in columns]
        self._ordered = {column.name for column in self._columns if column.type is OrderedJson}
        self._several: str | None = None

    def run_each(self, db: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add these rows, in their order."""
        rows = [*rows]
        if len(rows) == 1 or db.dialect.name != "postgresql":
            super().run_each(db, rows)
        elif rows:
            self._several = self._several or self._of_several(db.dialect)
            execute(db, self._several, {"given": to_json([self._given(row) for row in rows])})

    def _of_several(self, dialect: sa.Dialect) -> str:
        names = ", ".join(column.name for column in self._columns)
        values = ", ".join(_value(column.type, place, dialect) for place, column in enumerate(self._columns))
        return f"INSERT INTO {self._table} ({names}) SELECT {values} FROM jsonb_array_elements(%(given)s::jsonb)"  # noqa: S608 - names of tables.py

    def _given(self, row: Mapping[str, Any]) -> list[Any]:
        ordered = self._ordered
        return [
            to_json(row[column.name]) if column.name in ordered else plain(row[column.name]) for column in self._columns
        ]


def _value(type_: sa.types.TypeEngine[Any], place: int, dialect: sa.Dialect) -> str:
    """Return the value at a place of a given row, a JSON list named `value`, for a column of this type."""
    impl = type_.dialect_impl(dialect)
    if isinstance(type_, JsonType):
        return f"nullif(value->{place}, 'null'::jsonb)"
    if isinstance(type_, sa.LargeBinary):
        return f"decode(value->>{place}, 'hex')"
    return f"value->>{place}" if isinstance(impl, sa.String) else f"(value->>{place})::{type_.compile(dialect)}"


def _with_rows(statement: Any, given: sa.FromClause, parameters: Types) -> Any:
    """Return the statement with columns of the given rows in place of its parameters."""

    def replaced(element: Any, **_: Any) -> Any:
        is_given = isinstance(element, sa.BindParameter) and element.key in parameters
        return given.c[element.key] if is_given else None

    return replacement_traverse(statement, {"stop_on": [given]}, replaced)


def in_rounds(
    asked: Sequence[Item], rows: Callable[[Item], Iterable[Hashable]], verb: Callable[[Sequence[Item]], Sequence[T]]
) -> list[T]:
    """Return the answers of a verb to a list in which the same row, by its id from `rows`, may occur several times.

    Items with the same row are passed to the verb one after the other, in their order.
    """
    answers: list[T] = []
    together: list[Item] = []
    taken: set[Hashable] = set()
    for item in asked:
        own = {*rows(item)}
        if own & taken:
            answers += verb(together)
            together, taken = [], set()
        together.append(item)
        taken |= own
    return [*answers, *(verb(together) if together else ())]


def plain(value: Any) -> Any:
    """Return a value as it is given in JSON: as it is stored, bytes as hexadecimal digits; see column_types.py."""
    match value:
        case datetime():
            return to_micros(value)
        case timedelta():
            return value // MICROSECOND
        case Enum():
            return value.name
        case bytes():
            return value.hex()
        case _:
            return value
