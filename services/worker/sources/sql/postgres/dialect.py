"""A spec in PostgreSQL's SQL. It is exact unless a column is stored as another type or case is ignored.

Texts are compared and sorted by their bytes, never by the database's collation. A parameter is passed as a setting of
the transaction (`parameters`): with bound parameters ADBC would keep the whole result in memory, and COPY allows none.
The value of a setting never becomes part of a statement.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from services.contract.spec import ColumnType, Filter, Kind, Operator, OrderTerm, Relation, Term, Value
from services.worker.sources.rows.columns import all_certain
from services.worker.sources.rows.conditions import (
    NULLS,
    Sql,
    any_of,
    combined,
    comparand,
    every,
    quoted,
    with_null,
)
from services.worker.sources.rows.step import utc
from services.worker.sources.sql.postgres.types import FLOAT4_AS_FLOAT8, MOMENTS, PLAIN_TEXT, REAL, WHOLE, Columns, Oid

MARK = "\0"
"""A parameter in a condition before it has a number. A statement cannot contain this character."""

_SET_AT_ONCE = 1_000
"""Parameters set by one statement. A statement may return 1,664 columns."""

_INT64 = range(-(2**63), 2**63)
_NUMERIC = frozenset({*WHOLE, Oid.NUMERIC, Oid.MONEY})
_TEXTUAL = frozenset({*PLAIN_TEXT, Oid.BPCHAR, Oid.NAME})
_UNSORTED = frozenset({Oid.JSON, Oid.XML, Oid.POINT})
_NUMBER = r"^[+-]?[0-9]*\.?[0-9]+$"
_NO_ZONE = "UTC"
_SMALLEST, _GREATEST = "5e-324", "1.7976931348623157e308"
"""The smallest and the greatest positive double."""


def relation(of: Relation) -> str:
    """Return the relation under the name `r`.

    A table is `name` or `schema.name`; a name with a dot or a blank may be in double quotes.
    """
    query = of.query.strip().rstrip(";")
    return f"(\n{query}\n) as r" if query else f"{table_name(of.table)} as r"


def table_name(text: str) -> str:
    """Return the name of a table for a statement."""
    parts, inside = [""], False
    for character in text:
        inside ^= character == '"'
        if character == "." and not inside:
            parts.append("")
        else:
            parts[-1] += character
    return ".".join(part if _is_quoted(part) else quoted(part) for part in parts)


def _is_quoted(part: str) -> bool:
    return len(part) > 2 and part[0] == part[-1] == '"' and part[1:-1].replace('""', "").count('"') == 0  # noqa: PLR2004


def parameters(sql: Sql) -> tuple[str, list[tuple[str, tuple[str, ...]]]]:
    """Return the condition's text, and the statements that set its parameters, each with its values."""
    parts = sql.text.split(MARK)
    text = parts[0] + "".join(f"{setting(i)}{part}" for i, part in enumerate(parts[1:], 1))
    values = [str(p) for p in sql.parameters]
    starts = range(0, len(values), _SET_AT_ONCE)
    return text, [_set(tuple(values[i : i + _SET_AT_ONCE]), after=i) for i in starts]


def _set(values: tuple[str, ...], after: int) -> tuple[str, tuple[str, ...]]:
    calls = (f"set_config('exportd.p{after + i}', ${i}::text, true)" for i in range(1, len(values) + 1))
    return f"select {', '.join(calls)}", values


def setting(number: int) -> str:
    """Return a parameter as a text expression."""
    return f"current_setting('exportd.p{number}')"


def where(filter_: Filter, columns: Columns) -> Sql:
    """Return the condition of the rows that match. All of them fulfil it, and if it is exact, no others."""
    condition = combined(filter_, lambda term: _term(term, columns))
    return replace(condition, exact=condition.exact and all_certain(filter_))


def order(terms: Iterable[OrderTerm], types: dict[str, ColumnType], columns: Columns) -> str:
    """Return the order by clause, by typed values; empty without terms."""
    parts = []
    for term in terms:
        by = sortable(term.column, types.get(term.column), columns)
        direction, nulls = "desc" if term.descending else "asc", "first" if term.nulls_first else "last"
        parts.append(f"{by} {direction} nulls {nulls}")
    return f" order by {', '.join(parts)}" if parts else ""


def sortable(name: str, type_: ColumnType | None, columns: Columns) -> str:
    """Return the expression to sort a column by. `type_` is the catalog's type; None when it is not known."""
    oid = columns.oid(name)
    if oid in _TEXTUAL and type_ and type_.kind in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT):
        raw = columns.text(name)  # pattern matching does not work with a nondeterministic collation
        return f"case when {raw} ~ '{_NUMBER}' then {raw}::numeric end"
    return columns.text(name) if oid in _TEXTUAL or oid in _UNSORTED else columns.raw(name)


def _term(term: Term, columns: Columns) -> Sql:
    raw = columns.raw(term.column)
    if term.operator in NULLS:
        return Sql(f"{raw} {term.operator.value}")
    condition = _text(term, columns) if term.type.kind is Kind.TEXT else _typed(term, columns)
    return with_null(condition, raw, term)


def _typed(term: Term, columns: Columns) -> Sql:
    compared = _compared(term, columns)
    if compared is None:
        return Sql("true", exact=False)
    column, cast = compared
    beyond = term.operator in (Operator.GREATER, Operator.GREATER_OR_EQUAL)
    # PostgreSQL treats it as the greatest number
    number = f" and {column} <> 'NaN'" if beyond and term.type.kind is Kind.FLOAT else ""
    condition = f"({column} {term.operator.value} {MARK}::{cast}{number})"
    return any_of(Sql(condition, (_parameter(v),)) for v in term.values)


def _compared(term: Term, columns: Columns) -> tuple[str, str] | None:
    """Return the typed column and the type to compare it with; None when the column is stored as another type."""
    raw, oid, kind = columns.raw(term.column), columns.oid(term.column), term.type.kind
    if kind is Kind.INTEGER and oid in WHOLE:
        return raw, "int8"
    if kind in (Kind.INTEGER, Kind.DECIMAL) and oid in _NUMERIC:
        return (f"{raw}::numeric" if oid == Oid.MONEY else raw), "numeric"
    if kind is Kind.FLOAT and (oid in REAL or oid in WHOLE or oid == Oid.NUMERIC):
        return _double(raw, oid), "float8"
    if kind is Kind.TIMESTAMP and oid in MOMENTS:
        zoneless = oid == Oid.TIMESTAMP and columns.time_zone == _NO_ZONE  # this form lets an index be used
        return (raw, "timestamp") if zoneless else (columns.moment(term.column), "timestamptz")
    same = (kind is Kind.BOOLEAN and oid == Oid.BOOL) or (kind is Kind.DATE and oid == Oid.DATE)
    return (raw, kind.value) if same else None


def _double(raw: str, oid: int) -> str:
    """Return the nearest double; null beyond the range, where PostgreSQL's conversion would fail."""
    if oid == Oid.FLOAT4:
        return FLOAT4_AS_FLOAT8.format(raw=raw)
    if oid != Oid.NUMERIC:
        return raw if oid == Oid.FLOAT8 else f"{raw}::float8"
    finite = f"{raw}::text not in ('NaN', 'Infinity', '-Infinity')"
    return (
        f"(case when {finite} and abs({raw}) < {_SMALLEST} then 0::float8"
        f" when not ({finite}) or abs({raw}) <= {_GREATEST} then {raw}::float8 end)"
    )


def _parameter(value: Value) -> str:
    if isinstance(value, datetime):
        return f"{utc(value).replace(tzinfo=None).isoformat()}Z"
    if isinstance(value, date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)


def _text(term: Term, columns: Columns) -> Sql:
    """Compare the exported text. A condition on the stored value comes first, so that an index can be used."""
    text = columns.text(term.column)
    if term.ignore_case:
        return _any_case(text, term)
    values = tuple(str(v) for v in term.values)
    if term.operator is not Operator.EQUALS:
        return any_of(_of_text(text, term.operator, v) for v in values)
    raw, oid = columns.raw(term.column), columns.oid(term.column)
    if oid in _KEYS:
        return any_of(Sql(f"{raw} = {MARK}::{_KEYS[oid]}", (v,)) for v in values if _is_key(v, oid))
    same = Sql(f"{text} in ({_marks(values)})", values)
    return every((Sql(f"{raw} in ({_marks(values)})", values), same)) if oid in PLAIN_TEXT else same


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join([MARK] * len(values))


_KEYS: dict[int, str] = {Oid.UUID: "uuid", **dict.fromkeys(WHOLE, "int8")}


def _is_key(text: str, oid: int) -> bool:
    """Whether a value of that type has exactly this text."""
    try:
        return str(UUID(text)) == text if oid == Oid.UUID else str(int(text)) == text and int(text) in _INT64
    except ValueError:
        return False


def _any_case(text: str, term: Term) -> Sql:
    """Compare without case. The collation folds ASCII only, so every text with other characters matches."""
    values = [comparand(term, v) for v in term.values]
    of_ascii = [_of_text(f"lower({text})", term.operator, v) for v in values if v.isascii()]
    return any_of((*of_ascii, Sql(f"octet_length({text}) <> length({text})", exact=False)))


def _of_text(text: str, operator: Operator, value: str) -> Sql:
    match operator:
        case Operator.CONTAINS:
            return Sql(f"strpos({text}, {MARK}) > 0", (value,))
        case Operator.STARTS_WITH:
            return Sql(f"starts_with({text}, {MARK})", (value,))
        case Operator.ENDS_WITH:
            return Sql(f"right({text}, length({MARK})) = {MARK}", (value, value))
        case Operator.WORD_STARTS_WITH:
            return Sql(f"strpos(' ' || {text}, ' ' || {MARK}) > 0", (value,))
    return Sql(f"{text} {operator.value} {MARK}", (value,))
