"""Frequent statements, which are compiled once and passed to the driver directly.

SQLAlchemy computes at each execution what never changes. For one row found by an index this takes most of the time.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

MAX_ROWS = 64
"""The most rows of one INSERT: 64 exports are 2,048 parameters, of 32,766 that SQLite takes."""

_INSERT = re.compile(r"INSERT( INTO .* VALUES )(\([?, ]+\))(.*)", re.DOTALL)

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
        """Run a statement that returns no rows. Its errors may come later; see postgres/pipelines.py."""
        spelled = self._as_of(db)
        execute(db, spelled.text, spelled.parameters(values))

    def run_each(self, db: sa.Connection, rows: Iterable[Values]) -> None:
        """Run the statement with each of these parameters, like `run`. Does nothing if there are none."""
        self._each(db, [*rows], _fetch_nothing)

    def count_each(self, db: sa.Connection, rows: Iterable[Values]) -> int:
        """Run the statement with each of these parameters, and return how many rows it wrote."""
        return self._each(db, [*rows], _count) or 0

    def _each(self, db: sa.Connection, rows: Sequence[Values], fetch: Callable[[Any], int | None]) -> int | None:
        spelled = self._as_of(db)
        given = [spelled.parameters(values) for values in rows]
        if not given:
            return None
        many = len(given) > 1
        written: int | None = execute(db, spelled.text, given if many else given[0], fetch, many=many)
        return written

    def all(self, db: sa.Connection, values: Values) -> list[dict[str, Any]]:
        """Return all rows."""
        spelled = self._as_of(db)
        rows = execute(db, spelled.text, spelled.parameters(values), fetch_all)
        return [spelled.row(each) for each in rows]

    def records(self, db: sa.Connection, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows as the driver gives them: values are in the form in which they are stored."""
        spelled = self._as_of(db)
        rows: list[tuple[Any, ...]] = execute(db, spelled.text, spelled.parameters(values), fetch_all)
        return rows

    def first(self, db: sa.Connection, values: Values) -> dict[str, Any] | None:
        """Return the first row; None if there is none."""
        spelled = self._as_of(db)
        row = execute(db, spelled.text, spelled.parameters(values), _fetch_one)
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


class Inserts(Prepared):
    """An INSERT of which several rows are one statement in SQLite.

    Its driver hands over the interpreter's lock for each execution, and then waits for it. If a row breaks a
    constraint, those before it stay, as they do if each has a statement of its own: the caller has to roll them back.
    With OR ABORT, the default, SQLite would first copy each page that the statement changes.
    """

    def __init__(self, insert: Any, columns: Sequence[str]) -> None:
        """`insert` adds one row, of which it sets these columns and no other ones."""
        super().__init__(insert, sets=columns)
        self._texts: dict[int, str] = {}

    def _each(self, db: sa.Connection, rows: Sequence[Values], fetch: Callable[[Any], int | None]) -> int | None:
        if len(rows) <= 1 or db.dialect.name != "sqlite":
            return super()._each(db, rows, fetch)
        spelled, written = self._as_of(db), 0
        for some in _in_powers(rows):
            parameters = [value for row in some for value in spelled.parameters(row)]
            written += execute(db, self._text(spelled, len(some)), parameters, fetch) or 0
        return written

    def _text(self, spelled: _Spelled, rows: int) -> str:
        text = self._texts.get(rows)
        if text is None:
            into, values, after = _INSERT.fullmatch(spelled.text).groups()  # type: ignore[union-attr]
            self._texts[rows] = text = f"INSERT OR FAIL{into}{', '.join([values] * rows)}{after}"
        return text


def _in_powers(rows: Sequence[Values]) -> Iterator[Sequence[Values]]:
    """Yield the rows in parts of MAX_ROWS, and of smaller powers of two: so there are few different statements."""
    start = 0
    while start < len(rows):
        size = min(MAX_ROWS, 1 << (len(rows) - start).bit_length() - 1)
        yield rows[start : start + size]
        start += size


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
    execute(db, text, ())


def _fetch_nothing(_: Any) -> None:
    """Fetch nothing, for a statement that returns no rows."""


def _count(cursor: Any) -> int:
    """Return how many rows were written."""
    return int(cursor.rowcount)


def _fetch_one(cursor: Any) -> Any:
    return cursor.fetchone()


def fetch_all(cursor: Any) -> Any:
    """Return all rows."""
    return cursor.fetchall()


def execute(
    db: sa.Connection,
    text: str,
    parameters: Any,
    fetch: Callable[[Any], Any] = _fetch_nothing,
    *,
    many: bool = False,
) -> Any:
    """Execute a statement and return what was fetched.

    With `many` the parameters are a list, and no rows can be fetched.
    """
    driver: Any = db.connection.driver_connection
    waits = fetch is _count  # other cursors wait for a result when they are asked for it; see postgres/pipelines.py
    cursor = driver.cursor() if waits else getattr(driver, "unawaited", driver.cursor)()
    try:
        (cursor.executemany if many else cursor.execute)(text, parameters)
        return fetch(cursor)
    except db.dialect.loaded_dbapi.Error as error:
        raise _as_ours(db, error, text, parameters) from error
    finally:
        cursor.close()


@contextmanager
def own_errors(db: sa.Connection, text: str | None = None, parameters: Any = None) -> Iterator[None]:
    """Turn the errors of the driver into those of SQLAlchemy, without the parameters."""
    try:
        yield
    except db.dialect.loaded_dbapi.Error as error:
        raise _as_ours(db, error, text, parameters) from error


def _as_ours(db: sa.Connection, error: Any, text: str | None, parameters: Any) -> BaseException:
    """Return the error of SQLAlchemy for one of the driver."""
    kind = db.dialect.loaded_dbapi.Error
    ours: BaseException = sa.exc.DBAPIError.instance(
        text, parameters, error, kind, hide_parameters=True, dialect=db.dialect
    )
    return ours


def _impl(element: sa.ColumnElement[Any], dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
    return element.type.dialect_impl(dialect)
