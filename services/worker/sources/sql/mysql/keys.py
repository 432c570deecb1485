"""Keys of MySQL and MariaDB as text that can be converted back, and as conditions that an index supports.

Rows are compared and ordered by key as the server does it, with the collation of the columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from services.worker.sources.rows.conditions import Parameter, Sql, any_of, every
from services.worker.sources.sql.keyset import Key
from services.worker.sources.sql.mysql.dialect import Code, Columns

_LISTED = ("enum", "set")
"""Types that are sorted by the positions of their values but compared as texts."""
_FLOATS = frozenset({Code.FLOAT, Code.DOUBLE})
_PARAMETERS: dict[str, Callable[[str], Parameter]] = {"i": int, "f": float, "d": str, "t": str, "b": bytes.fromhex}


@dataclass(frozen=True, slots=True)
class KeyColumns:
    """The columns of a key. Rows are ordered and compared by `ordered`; `values` are selected."""

    ordered: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def order(self) -> str:
        """The order by clause, ascending."""
        return f" order by {', '.join(self.ordered)}"

    @property
    def with_null(self) -> str:
        """The condition of rows with a null in their key."""
        return " or ".join(f"{each} is null" for each in self.ordered)

    def same(self, key: Key) -> Sql:
        """Return the condition of the rows with this key."""
        return every(_compared(column, "=", text) for column, text in zip(self.ordered, key, strict=True))

    def behind(self, key: Key) -> Sql:
        """Return the condition of the rows after this key.

        The separate condition on the first column lets an index start there.
        """
        beyond = [
            every(map(_compared, self.ordered, ("=",) * place + (">",), key[: place + 1])) for place in range(len(key))
        ]
        return every((_compared(self.ordered[0], ">=", key[0]), any_of(beyond)))


def key_columns(names: Sequence[str], columns: Columns, types: dict[str, str]) -> KeyColumns:
    """Return the key of these columns.

    `types` are the types of a table's columns in the server's words. It is empty for a query, of which it is not known
    which columns are lists of values.
    """
    ordered = tuple(_ordered(name, columns, types) for name in names)
    values = tuple(_value(each, columns.code(name)) for each, name in zip(ordered, names, strict=True))
    return KeyColumns(ordered, values)


def key_array(values: Sequence[Any]) -> "pa.Array[Any]":
    """Convert the selected values of a key column to text."""
    return pa.array([_text(value) for value in values], pa.large_string())


def _ordered(name: str, columns: Columns, types: dict[str, str]) -> str:
    raw, type_ = columns.raw(name), types.get(columns.stored[name.casefold()][0].casefold())
    doubtful = columns.is_text(name) if type_ is None else type_.startswith(_LISTED)
    return f"concat({raw})" if doubtful else raw


def _value(ordered: str, code: int) -> str:
    if code in _FLOATS:
        return f"{ordered} + 0e0"
    if code == Code.BIT:
        return f"{ordered} + 0"
    return f"cast({ordered} as char)" if Columns.is_temporal(code) else ordered


def _text(value: Any) -> str:
    match value:
        case int():
            return f"i{value}"
        case float():
            return f"f{value!r}"
        case Decimal():
            return f"d{value:f}"
        case bytes():
            return f"b{value.hex()}"
    return f"t{value}"


def _compared(ordered: str, how: str, text: str) -> Sql:
    """Compare with a value of a key.

    A decimal parameter would lose digits, and the server would compare a text with it as a float, so it is cast.
    """
    kind, value = text[0], text[1:]
    mark = f"cast(%s as decimal(65,{len(value.partition('.')[2])}))" if kind == "d" else "%s"
    return Sql(f"{ordered} {how} {mark}", (_PARAMETERS[kind](value),))
