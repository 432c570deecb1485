"""Statements that every call asks for, handed to the driver as they are.

SQLAlchemy works out at each execution what never changes; for one row by an index that takes most of the time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

Process = Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class _Spelled:
    """As one engine spells it. A parameter that the statement itself gives has its value in `given`."""

    text: str
    given: Mapping[str, Any]
    order: tuple[str, ...]
    names: tuple[str, ...]
    bind: Mapping[str, Process]
    processed: tuple[tuple[str, Callable[[Any], Any]], ...]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """In the form of the driver: by place where there is an order, else by name."""
        known = {**self.given, **values}
        for name, process in self.bind.items():
            if process is not None:
                known[name] = process(known[name])
        return [known[name] for name in self.order] if self.order else known


class Prepared:
    """A statement whose parameters have names. Raises what SQLAlchemy would.

    It begins no transaction: what writes is for within one.
    """

    def __init__(self, statement: sa.Select[Any] | sa.Insert, *, sets: Sequence[str] = ()) -> None:
        """`sets`: the columns that an INSERT sets."""
        self._statement = statement
        self._sets = [*sets]
        self._spelled: dict[str, _Spelled] = {}

    def run(self, db: sa.Connection, values: Mapping[str, Any]) -> None:
        """For what returns no row."""
        self._executed(db, values)

    def first(self, db: sa.Connection, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The first row by the names of its columns; None when there is none."""
        spelled, cursor = self._executed(db, values)
        found = cursor.fetchone()
        cursor.close()
        if found is None:
            return None
        row = dict(zip(spelled.names, found, strict=True))
        for name, process in spelled.processed:
            row[name] = process(row[name])
        return row

    def _executed(self, db: sa.Connection, values: Mapping[str, Any]) -> tuple[_Spelled, Any]:
        spelled = self._spelled.get(db.dialect.name) or self._spell(db.dialect)
        driver, parameters = _driver(db), spelled.parameters(values)
        try:
            return spelled, driver.execute(spelled.text, parameters)
        except db.dialect.loaded_dbapi.Error as error:
            raise sa.exc.DBAPIError.instance(
                spelled.text, parameters, error, db.dialect.loaded_dbapi.Error, hide_parameters=True, dialect=db.dialect
            ) from error

    def _spell(self, dialect: sa.Dialect) -> _Spelled:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._sets or None)
        columns = self._statement.exported_columns
        after = {c.name: _impl(c, dialect).result_processor(dialect, None) for c in columns}
        self._spelled[dialect.name] = spelled = _Spelled(
            text=str(compiled),
            given={name: bind.value for name, bind in compiled.binds.items() if not bind.required},
            order=tuple(compiled.positiontup or ()),
            names=tuple(after),
            bind={name: _impl(bind, dialect).bind_processor(dialect) for name, bind in compiled.binds.items()},
            processed=tuple((name, process) for name, process in after.items() if process is not None),
        )
        return spelled


def _driver(db: sa.Connection) -> Any:
    return db.connection.driver_connection


def _impl(element: sa.ColumnElement[Any], dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
    return element.type.dialect_impl(dialect)
