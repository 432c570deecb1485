"""A guarded UPDATE over a list: what was one parameter for each of its values becomes a column of the rows given.

The rows are one parameter in JSON, so that the statement is the same however many they are.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.sql.visitors import replacement_traverse

from services.api.storage.sql.column_types import MICROSECOND, to_micros
from services.api.storage.sql.database import Dialect
from services.api.storage.sql.rows import Row

Types = Mapping[str, sa.types.TypeEngine[Any]]
"""Of the columns of the rows given, by name."""


class Listed:
    """An UPDATE whose rows are given as a list. Each may change one row of its table; no two the same one."""

    def __init__(self, statement: sa.Executable, names: Collection[str]) -> None:
        self._statement = statement
        self._names = tuple(names)

    @classmethod
    def of(cls, dialect: Dialect, change: sa.Update, parameters: Types, sets: Types | None = None) -> Self:
        """`parameters` of the change, and columns that it sets besides."""
        types = {**parameters, **(sets or {})}
        given = dialect.rows_given("given", types)

        def replaced(element: Any, **_: Any) -> Any:
            is_given = isinstance(element, sa.BindParameter) and element.key in parameters
            return given.c[element.key] if is_given else None

        whole = change.values({name: given.c[name] for name in sets}) if sets else change
        listed: Any = replacement_traverse(whole, {"stop_on": [given]}, replaced)
        return cls(listed, types)

    def changed(self, db: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> list[Row]:
        """What RETURNING says of those that were changed, in no order."""
        given = [[_plain(row[name]) for name in self._names] for row in rows]
        return [*db.execute(self._statement, {"given": json.dumps(given)}).mappings()] if given else []


def _plain(value: Any) -> Any:
    """As it is stored; see column_types.py."""
    match value:
        case datetime():
            return to_micros(value)
        case timedelta():
            return value // MICROSECOND
        case Enum():
            return value.name
        case _:
            return value
