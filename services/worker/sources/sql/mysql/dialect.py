"""A spec in the SQL of MySQL and MariaDB. Conditions reduce the rows that are sent, and the worker decides every row.

Dates, times and bits are selected as text or integers that the server itself formats, because PyMySQL would change some
of the values. A `%` in a statement is doubled, since PyMySQL inserts parameters with Python's formatting.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum

from services.contract.spec import ColumnType, Filter, Kind, Operator, OrderTerm, Relation, Term, Value
from services.worker.sources.rows.conditions import NULLS, Parameter, Sql, any_of, combined, every, with_null
from services.worker.sources.rows.step import utc


class Code(IntEnum):
    """Types of columns in the protocol. The numbers are fixed."""

    TINY = 1
    SHORT = 2
    LONG = 3
    FLOAT = 4
    DOUBLE = 5
    TIMESTAMP = 7
    LONGLONG = 8
    INT24 = 9
    DATE = 10
    TIME = 11
    DATETIME = 12
    YEAR = 13
    BIT = 16
    NEWDECIMAL = 246
    GEOMETRY = 255


_WHOLE = frozenset({Code.TINY, Code.SHORT, Code.LONG, Code.LONGLONG, Code.INT24, Code.YEAR})
_NUMBERS = frozenset({*_WHOLE, Code.FLOAT, Code.DOUBLE, Code.NEWDECIMAL})
_MOMENTS = frozenset({Code.DATE, Code.DATETIME, Code.TIMESTAMP})
_WITH_TIME = frozenset({Code.DATETIME, Code.TIMESTAMP})
_TEMPORAL = frozenset({*_MOMENTS, Code.TIME})
_TEXTS = frozenset({15, 247, 248, 249, 250, 251, 252, 253, 254})
"""VARCHAR, ENUM, SET, blobs and texts, and the types of expressions."""
_NUMERIC_KINDS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN})
_SHARE = Decimal("1e-6")
"""Relative margin around a number. It is generous, as a FLOAT keeps seven digits."""
_HUGE = 10**300
_ZONES = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the relation `r` by their names without case: the name in the database and the Code."""

    stored: Mapping[str, tuple[str, int]]

    def raw(self, name: str) -> str:
        """The column as it is stored."""
        return f"r.{quoted(self.stored[name.casefold()][0])}"

    def code(self, name: str) -> int:
        """The column's type in the protocol."""
        return self.stored[name.casefold()][1]

    def is_text(self, name: str) -> bool:
        """Whether the column has texts, bytes or listed values."""
        return self.code(name) in _TEXTS

    @staticmethod
    def is_temporal(code: int) -> bool:
        """Whether a column of this Code is selected as text that the server formats."""
        return code in _TEMPORAL

    def value(self, name: str, type_: ColumnType) -> str:
        """The column as it is selected."""
        raw, code = self.raw(name), self.code(name)
        if type_.kind is Kind.DATE and code in _WITH_TIME:
            return f"case when time({raw}) = 0 then cast(date({raw}) as char) else cast({raw} as char) end"
        if code == Code.TIMESTAMP:  # the session's time zone is UTC
            return f"concat(cast({raw} as char), 'Z')"
        if code in _TEMPORAL:
            return f"cast({raw} as char)"
        if code == Code.BIT:
            return f"{raw} + 0"
        return f"{raw} + 0e0" if code == Code.FLOAT else raw


def quoted(name: str) -> str:
    """Quote an identifier."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


def relation(of: Relation) -> str:
    """Return the relation under the name `r`. A table is `name` or `schema.name`."""
    query = of.query.strip().rstrip(";").replace("%", "%%")
    return f"(\n{query}\n) as r" if query else f"{table_name(of)} as r"


def table_name(of: Relation) -> str:
    """Return the name of a table for a statement."""
    schema, dot, table = of.table.rpartition(".")
    return f"{quoted(schema) + dot if dot else ''}{quoted(table)}"


def where(filter_: Filter, columns: Columns) -> Sql:
    """Return a condition that all matching rows fulfil. Other rows may fulfil it, too."""
    return combined(filter_, lambda term: _term(term, columns))


def order(terms: Iterable[OrderTerm], types: Mapping[str, ColumnType], columns: Columns) -> str:
    """Return the order by clause, by typed values; texts by their characters. Empty without terms."""
    parts = []
    for term in terms:
        raw, nulls = columns.raw(term.column), "desc" if term.nulls_first else "asc"
        by = _sortable(raw, columns.code(term.column), types.get(term.column))
        parts += [f"{raw} is null {nulls}", f"{by} {'desc' if term.descending else 'asc'}"]
    return f" order by {', '.join(parts)}" if parts else ""


def _sortable(raw: str, code: int, type_: ColumnType | None) -> str:
    """Return the expression to sort by.

    A collation would treat `a` like `A`, so texts are sorted by their UTF-8 bytes, which have the order of the
    characters.
    """
    plain = code in _NUMBERS or code in _TEMPORAL or code == Code.BIT
    if type_ is not None and type_.kind in _NUMERIC_KINDS and not plain:
        return f"cast({raw} as decimal(65,30))"
    if plain and (type_ is None or type_.kind is not Kind.TEXT):
        return raw
    return f"cast(convert({raw} using utf8mb4) as binary)"


def _term(term: Term, columns: Columns) -> Sql:
    raw = columns.raw(term.column)
    if term.operator in NULLS:
        return Sql(f"{raw} {term.operator.value}", exact=False)
    return with_null(_narrowed(term, raw, columns.code(term.column)), raw, term)


def _narrowed(term: Term, raw: str, code: int) -> Sql:
    kind = term.type.kind
    if kind is Kind.TEXT and code in _TEXTS and term.operator is Operator.EQUALS and not term.ignore_case:
        return any_of(_equal(raw, str(value)) for value in term.values)
    if kind in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT) and code in _NUMBERS and all(map(_is_bounded, term.values)):
        return _between(term, raw, _around_number)
    if kind in (Kind.DATE, Kind.TIMESTAMP) and code in _MOMENTS:
        return _between(term, raw, _around_day)
    return Sql("1 = 1", exact=False)


def _equal(raw: str, text: str) -> Sql:
    """Return a condition in the column's collation, which also treats other texts as equal.

    The column's character set may lack some characters.
    """
    return Sql(f"{raw if text.isascii() else f'convert({raw} using utf8mb4)'} = %s", (text,), exact=False)


def _between(term: Term, raw: str, around: Callable[[Value], tuple[Parameter, Parameter]]) -> Sql:
    """Return a condition with a generous margin around the values."""
    bounds = [around(value) for value in term.values]
    conditions = [Sql("1 = 1", exact=False)]
    if term.operator not in (Operator.LESS, Operator.LESS_OR_EQUAL):
        conditions.append(any_of(Sql(f"{raw} >= %s", (low,)) for low, _ in bounds))
    if term.operator not in (Operator.GREATER, Operator.GREATER_OR_EQUAL):
        conditions.append(any_of(Sql(f"{raw} <= %s", (high,)) for _, high in bounds))
    return every(conditions)


def _is_bounded(value: Value) -> bool:
    """Whether there are doubles on both sides of the value."""
    return isinstance(value, int) or (isinstance(value, float | Decimal) and -_HUGE < value < _HUGE)


def _around_number(value: Value) -> tuple[Parameter, Parameter]:
    if isinstance(value, int):
        return value, value
    number = Decimal(str(value))
    margin = 1 + abs(number) * _SHARE
    return float(number - margin), float(number + margin)


def _around_day(value: Value) -> tuple[Parameter, Parameter]:
    day = utc(value).date() if isinstance(value, datetime) else value
    assert isinstance(day, date)  # noqa: S101 - a term's values are of its type
    return (day - min(_ZONES, day - date.min)).isoformat(), (day + min(_ZONES, date.max - day)).isoformat()
