"""Looking into JSON columns, as SQLite spells it."""

from typing import Any

import sqlalchemy as sa


def appended(list_: sa.ColumnElement[Any], most: int, **entry: Any) -> sa.ColumnElement[Any]:
    """The list with an object at its end; its first entry makes room when it holds `most` already."""
    fields = [part for name, value in entry.items() for part in (name, value)]
    room = sa.case((sa.func.json_array_length(list_) >= most, sa.func.json_remove(list_, "$[0]")), else_=list_)
    return sa.func.json_insert(room, "$[#]", sa.func.json_object(*fields))


def holds(object_: sa.ColumnElement[Any], name: str, value: str) -> sa.ColumnElement[bool]:
    """The object has this text under this name, whatever characters the name has."""
    entries = sa.func.json_each(object_).table_valued("key", "value")
    return sa.exists().select_from(entries).where(entries.c.key == name, entries.c.value == value)
