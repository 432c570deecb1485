"""Frequent statements, which are compiled once and passed to the driver directly.

SQLAlchemy computes at each execution what never changes. For one row found by an index this takes most of the time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

Values = Mapping[str, Any]
"""The parameters of a statement, or the columns of a row, by name."""

Process = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Spelled:
    """A statement compiled for one engine.

    `given` has the values that the statement itself contains, in the form of the driver: by position or by name.
    `asked` are the other parameters, each with its position there. `processed` are the columns whose values are
    converted from those of the driver.
    """

    text: str
    given: Any
    asked: Sequence[tuple[Any, str, Process | None]]
    names: tuple[str, ...]
    processed: Sequence[tuple[int, Process]]

    def parameters(self, values: Values) -> Any:
        filled = copy(self.given)
        for place, name, process in self.asked:
            value = values[name]
            filled[place] = value if process is None else process(value)
        return filled

    def values(self, values: Values) -> list[Any]:
        """Return the other parameters alone, in the order in which the statement names them."""
        return [values[name] if process is None else process(values[name]) for _, name, process in self.asked]

    def row(self, record: Sequence[Any]) -> dict[str, Any]:
        values = [*record]
        for place, process in self.processed:
            values[place] = process(values[place])
        return dict(zip(self.names, values, strict=True))


class Prepared:
    """A statement with named parameters, none of which is a list. It raises the same errors as SQLAlchemy.

    It begins no transaction: statements that write must run inside one.
    """

    def __init__(self, statement: Any, *, sets: Sequence[str] = ()) -> None:
        """`sets` are the columns that an INSERT sets by parameters of the same names.

        They are needed if the statement itself does not name them.
        """
        self._statement = statement
        self._sets = [*sets]
        self._spelled: dict[str, _Spelled] = {}

    def run(self, db: sa.Connection, values: Values) -> None:
        """Run a statement that returns no rows."""
        spelled = self._as_of(db)
        _executed(db, spelled.text, spelled.parameters(values))

    def run_each(self, db: sa.Connection, rows: Iterable[Values]) -> None:
        """Run the statement with each of these parameters. Does nothing if there are none."""
        spelled = self._as_of(db)
        given = [spelled.parameters(values) for values in rows]
        if len(given) == 1:
            _executed(db, spelled.text, given[0])
        elif given:
            _executed(db, spelled.text, given, many=True)

    def all(self, db: sa.Connection, values: Values) -> list[dict[str, Any]]:
        """Return all rows."""
        spelled = self._as_of(db)
        rows = _executed(db, spelled.text, spelled.parameters(values), _fetch_all)
        return [spelled.row(each) for each in rows]

    def records(self, db: sa.Connection, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows as the driver gives them: values are in the form in which they are stored."""
        spelled = self._as_of(db)
        rows: list[tuple[Any, ...]] = _executed(db, spelled.text, spelled.parameters(values), _fetch_all)
        return rows

    def first(self, db: sa.Connection, values: Values) -> dict[str, Any] | None:
        """Return the first row; None if there is none."""
        spelled = self._as_of(db)
        row = _executed(db, spelled.text, spelled.parameters(values), _fetch_one)
        return None if row is None else spelled.row(row)

    def scalar(self, db: sa.Connection, values: Values) -> Any:
        """Return the first value of the first row; None if there is no row."""
        row = self.first(db, values)
        return None if row is None else next(iter(row.values()))

    def _as_of(self, db: sa.Connection) -> _Spelled:
        return self._spelled.get(db.dialect.name) or self._spell(db.dialect)

    def _spell(self, dialect: sa.Dialect) -> _Spelled:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._sets or None)
        columns = getattr(self._statement, "exported_columns", ())
        after = [_impl(column, dialect).result_processor(dialect, None) for column in columns]
        given, asked = _split(compiled, dialect)
        self._spelled[dialect.name] = spelled = _Spelled(
            text=str(compiled),
            given=given,
            asked=asked,
            names=tuple(column.name for column in columns),
            processed=[(place, process) for place, process in enumerate(after) if process is not None],
        )
        return spelled


class Appended(Prepared):
    """An INSERT of rows that sets these columns of a table, and no other ones.

    PostgreSQL begins each execution of an INSERT with all the rules that a row obeys: for one of `exports` that takes
    longer than to store it. So several rows are one COPY there, which does it once.
    """

    def __init__(self, table: sa.Table, columns: Sequence[str]) -> None:
        super().__init__(sa.insert(table).inline(), sets=columns)
        self._table = table.name

    def run_each(self, db: sa.Connection, rows: Iterable[Values]) -> None:
        """Add these rows, in their order."""
        rows = [*rows]
        if len(rows) > 1 and db.dialect.name == "postgresql":
            spelled = self._as_of(db)
            names = ", ".join(name for _, name, _ in spelled.asked)
            _streamed(db, f"COPY {self._table} ({names}) FROM STDIN", map(spelled.values, rows))
        else:
            super().run_each(db, rows)


def _split(compiled: Any, dialect: sa.Dialect) -> tuple[Any, Sequence[tuple[Any, str, Process | None]]]:
    """Return `given` and `asked` of a statement."""
    order = compiled.positiontup
    places = [*enumerate(order)] if order is not None else [(name, name) for name in compiled.binds]
    given: Any = [None] * len(places) if order is not None else {}
    asked = []
    for place, name in places:
        bind = compiled.binds[name]
        process = _impl(bind, dialect).bind_processor(dialect)
        if bind.required:
            asked.append((place, name, process))
        else:
            given[place] = bind.value if process is None else process(bind.value)
    return given, asked


def execute_plain(db: sa.Connection, text: str) -> None:
    """Execute a statement that has neither parameters nor rows, such as SAVEPOINT."""
    _executed(db, text, ())


def _fetch_nothing(_: Any) -> None:
    """Fetch nothing, for a statement that returns no rows."""


def _fetch_one(cursor: Any) -> Any:
    return cursor.fetchone()


def _fetch_all(cursor: Any) -> Any:
    return cursor.fetchall()


def _executed(
    db: sa.Connection,
    text: str,
    parameters: Any,
    fetch: Callable[[Any], Any] = _fetch_nothing,
    *,
    many: bool = False,
) -> Any:
    """Execute a statement and return what was fetched.

    With `many` the parameters are a list, and nothing is fetched.
    """
    with _cursor(db, text, parameters) as cursor:
        (cursor.executemany if many else cursor.execute)(text, parameters)
        return fetch(cursor)


def _streamed(db: sa.Connection, text: str, rows: Iterable[Sequence[Any]]) -> None:
    """Execute a COPY with these rows."""
    with _cursor(db, text) as cursor, cursor.copy(text) as stream:
        for row in rows:
            stream.write_row(row)


@contextmanager
def _cursor(db: sa.Connection, text: str, parameters: Any = None) -> Iterator[Any]:
    """Yield a cursor of the driver, whose errors become those of SQLAlchemy, without the parameters."""
    driver: Any = db.connection.driver_connection
    dbapi, cursor = db.dialect.loaded_dbapi, driver.cursor()
    try:
        yield cursor
    except dbapi.Error as error:
        raise sa.exc.DBAPIError.instance(
            text, parameters, error, dbapi.Error, hide_parameters=True, dialect=db.dialect
        ) from error
    finally:
        cursor.close()


def _impl(element: sa.ColumnElement[Any], dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
    return element.type.dialect_impl(dialect)
