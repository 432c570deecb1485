"""A spec in SQLite's SQL: exact where SQLite can be exact, otherwise a superset that filtering.py decides.

SQLite has no types of columns: each value is stored as integer, real, text or blob. So the stored values are examined
first (`Stored`), inside the snapshot. In the common cases (integers; timestamps all written alike) SQLite then compares
and counts exactly and can use its indexes. Identifiers are quoted and qualified, as SQLite treats an unknown
unqualified name in double quotes as a text.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from services.contract.spec import ColumnType, Filter, Kind, Operator, OrderTerm, Relation, Term, Value
from services.worker.sources.rows.columns import all_certain
from services.worker.sources.rows.conditions import (
    NULLS,
    Parameter,
    Sql,
    any_of,
    combined,
    comparand,
    every,
    quoted,
    with_null,
)
from services.worker.sources.rows.step import on_step, utc
from services.worker.sources.sql.sqlite.iso_shapes import DATE_GLOB, Shape

_COLLATE = re.compile(r"""\bcollate\s+["'`\[]?(\w+)""", re.IGNORECASE)
_BUILT_IN = frozenset({"binary", "nocase", "rtrim"})
NUMERIC = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL, Kind.BOOLEAN})
_MAX_PARAMETERS = 32_000
"""Limit of parameters. SQLite allows 32,766 per statement, including those of a key."""
_INT64 = range(-(2**63), 2**63)
_ZONES_AND_SPARE = timedelta(days=2)
_WRITTEN_DIGITS = 15
"""A real has this many significant digits that somebody wrote; further digits come from its binary form."""
_NOISE = 1e-14
"""Relative error up to which a real stands for a decimal. A real keeps 15 to 17 digits."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How the values of one column are stored, apart from nulls.

    `plain`: all are stored in the one way that SQLite compares exactly. That is integer and real for numbers, ISO text
    for dates, and ISO text of the one `shape` for timestamps.
    """

    plain: bool
    shape: Shape | None = None


NAMES = "select cast(name as blob) from pragma_table_xinfo(?) where hidden <> 1 order by cid"
"""The columns of a table or view, without the hidden columns of virtual tables."""
Storage = Mapping[tuple[str, Kind], Stored]
MIXED = Stored(plain=False)


def relation(of: Relation) -> str:
    """Return the relation under the name `r`."""
    query = of.query.strip().rstrip(";")
    return f"(\n{query}\n) as r" if query else f"{quoted(of.table)} as r"


def own_collations(definition: str) -> set[str]:
    """Return the collations in a definition that are not built into SQLite."""
    return {name.casefold() for name in _COLLATE.findall(definition)} - _BUILT_IN


def by_bytes(of: str, names: Iterable[str]) -> str:
    """Return a relation whose columns compare texts by bytes, whatever their collation."""
    columns = ", ".join(f"{column(name)} collate binary as {quoted(name)}" for name in names)
    return f"(select {columns} from {of}) as r"  # noqa: S608 - quoted


def column(name: str) -> str:
    """A column of the relation."""
    return f"r.{quoted(name)}"


def value(name: str, type_: ColumnType) -> str:
    """The column as text for parse.py, exactly as stored; binary as a blob."""
    col = column(name)
    text = f"cast({col} as text)"
    match type_.kind:
        case Kind.BINARY:
            return f"cast({col} as blob)"
        case Kind.INTEGER:
            whole = f"typeof({col}) = 'real' and {col} = cast({col} as integer)"
            return f"case when {whole} then cast(cast({col} as integer) as text) else {text} end"
        case Kind.DECIMAL:
            return _decimal(col, text, type_.scale)
    return text


def _decimal(col: str, text: str, scale: int) -> str:
    """Return a decimal as text. A real with more digits than the decimal is rounded if the difference is negligible.

    The text of a real has only the digits that it needs; more digits would be ones that nobody wrote.
    """
    rounded = f"format('%!.{scale}f', {col})"
    near = f"abs({col} - cast({rounded} as real)) <= abs({col}) * {_NOISE}"
    longer = f"length({text}) - instr({text}, '.') > {scale}"
    tiny = str(int(scale <= _WRITTEN_DIGITS))
    cut = f"case when instr({text}, 'e') = 0 then {longer} else abs({col}) < 1 and {tiny} end"
    return f"case when typeof({col}) = 'real' and {near} and {cut} then {rounded} else {text} end"


def sentinel(type_: ColumnType) -> str:
    """The value of an additional first row, which makes ADBC give the column its type."""
    return "x''" if type_.kind is Kind.BINARY else "''"


def where(filter_: Filter, storage: Storage) -> Sql:
    """Return the condition of the rows that match.

    All of them fulfil it, and if it is exact, no others. A column not in `storage` is MIXED.
    """
    condition = combined(filter_, lambda term: _term(term, storage.get((term.column, term.type.kind), MIXED)))
    if len(condition.parameters) > _MAX_PARAMETERS:
        return Sql("1", exact=False)
    return replace(condition, exact=condition.exact and all_certain(filter_))


def _term(term: Term, stored: Stored) -> Sql:
    if term.operator in NULLS:
        return Sql(f"{column(term.column)} {term.operator.value}")
    return with_null(_compared(term, stored), column(term.column), term)


def _compared(term: Term, stored: Stored) -> Sql:
    if term.type.kind is Kind.TEXT:
        return _text(term)
    if term.type.kind is Kind.DECIMAL:
        return _window(term, _decimal_bounds, f"typeof({column(term.column)}) in ('text', 'blob')")
    if not stored.plain:
        return _loosely(term)
    compared = (_plain(term, stored, value_) for value_ in term.values)
    return any_of(c for c in compared if c is not None)


def _plain(term: Term, stored: Stored, value_: Value) -> Sql | None:
    operator = term.operator
    parameter: Parameter
    if stored.shape is not None and isinstance(value_, datetime):
        moment = utc(value_)
        stepped = on_step(operator, moment, stored.shape.floor(moment))
        if stepped is None:
            return None
        operator, parameter = stepped[0], stored.shape.text(stepped[1])
    elif isinstance(value_, date):
        parameter = value_.isoformat()
    else:
        parameter = _number(float(value_) if isinstance(value_, Decimal | str) else value_)
    return Sql(f"{column(term.column)} {operator.value} ?", (parameter,))


def _number(number: float) -> int | float:
    if isinstance(number, int) and number not in _INT64:
        return math.copysign(math.inf, number)
    return int(number) if isinstance(number, int) else number


def _text(term: Term) -> Sql:
    """Compare the exported text. A condition on the stored value comes first, so that an index can be used."""
    col = column(term.column)
    values = tuple(comparand(term, v) for v in term.values)
    if term.ignore_case:
        return _any_case(f"cast({col} as text)", term.operator, values)
    if term.operator is not Operator.EQUALS:
        return any_of(_of_text(f"cast({col} as text)", term.operator, v) for v in values)
    stored = tuple(dict.fromkeys(s for v in values for s in _stored_as(v)))
    candidates = Sql(f"{col} in ({_marks(stored)})", stored)
    return every((candidates, Sql(f"cast({col} as text) collate binary in ({_marks(values)})", values)))


def _of_text(text: str, operator: Operator, value_: str) -> Sql:
    match operator:
        case Operator.CONTAINS:
            return Sql(f"instr({text}, ?) > 0", (value_,))
        case Operator.STARTS_WITH:
            return Sql(f"instr({text}, ?) = 1", (value_,))
        case Operator.ENDS_WITH if value_:  # compared by bytes, since SQLite counts characters only up to a NUL
            end = f"substr(cast({text} as blob), -length(cast(? as blob)))"
            return Sql(f"{end} = cast(? as blob)", (value_, value_))
        case Operator.ENDS_WITH:
            return Sql(f"{text} is not null")
        case Operator.WORD_STARTS_WITH:
            return Sql(f"instr(' ' || {text}, ' ' || ?) > 0", (value_,))
    return Sql(f"{text} collate binary {operator.value} ?", (value_,))


def _any_case(text: str, operator: Operator, values: tuple[str, ...]) -> Sql:
    """Compare without case. SQLite folds ASCII only, so every text with other characters (longer in bytes) matches."""
    of_ascii = [_of_text(f"lower({text})", operator, v) for v in values if v.isascii()]
    other = Sql(f"length(cast({text} as blob)) <> length({text})", exact=False)
    return any_of((*of_ascii, other))


def _stored_as(text: str) -> Iterable[Parameter]:
    yield text
    yield text.encode("utf-8", "surrogatepass")
    with suppress(ValueError, OverflowError):
        yield _number(int(text))
    with suppress(ValueError):
        yield float(text)


def _marks(parameters: tuple[Parameter, ...]) -> str:
    return ", ".join("?" * len(parameters))


Bounds = Callable[[Value], tuple[Parameter, Parameter]]


def _loosely(term: Term) -> Sql:
    if term.type.kind not in (Kind.DATE, Kind.TIMESTAMP):
        return Sql("1", exact=False)
    col = column(term.column)
    return _window(term, _day_bounds, f"typeof({col}) <> 'text' or {col} not glob '{DATE_GLOB}*'")


def _window(term: Term, bounds: Bounds, unless: str) -> Sql:
    """Return a condition with a generous margin around the values.

    Rows that SQLite cannot decide (`unless`) match as well.
    """
    col = column(term.column)
    around = [bounds(v) for v in term.values]
    conditions = []
    if term.operator not in (Operator.LESS, Operator.LESS_OR_EQUAL):
        conditions.append(Sql(f"{col} >= ?", (min(low for low, _ in around),)))
    if term.operator not in (Operator.GREATER, Operator.GREATER_OR_EQUAL):
        conditions.append(Sql(f"{col} <= ?", (max(high for _, high in around),)))
    window = every(conditions)
    return Sql(f"({window.text} or {unless})", window.parameters, exact=False)


def _decimal_bounds(value_: Value) -> tuple[Parameter, Parameter]:
    number = Decimal(value_)  # type: ignore[arg-type]
    margin = 1 + abs(number) * Decimal(_NOISE)
    return float(number - margin), float(number + margin)


def _day_bounds(value_: Value) -> tuple[Parameter, Parameter]:
    day = utc(value_).date() if isinstance(value_, datetime) else value_
    assert isinstance(day, date)  # noqa: S101 - a term's values are of its type
    low = day - min(_ZONES_AND_SPARE, day - date.min)
    high = day + min(_ZONES_AND_SPARE, date.max - day)
    return low.isoformat(), high.isoformat() + "~"


def order(terms: Iterable[OrderTerm], types: Mapping[str, ColumnType], storage: Storage) -> str:
    """Return the order by clause, by typed values; empty without terms.

    Text, and a key of unknown type, is sorted as stored. Decimals that are stored as text are distinguished by their
    first 15 digits only.
    """
    parts = []
    for term in terms:
        type_ = types.get(term.column)
        direction = "desc" if term.descending else "asc"
        plain = type_ is not None and storage.get((term.column, type_.kind), MIXED).plain
        by = [column(term.column)] if plain else _comparable(term.column, type_)
        nulls = "first" if term.nulls_first else "last"
        parts += [f"{expression} {direction} nulls {nulls}" for expression in by]
    return f" order by {', '.join(parts)}" if parts else ""


def _comparable(name: str, type_: ColumnType | None) -> list[str]:
    col = column(name)
    kind = type_.kind if type_ else Kind.TEXT
    if kind in NUMERIC - {Kind.BOOLEAN}:
        return [f"cast({col} as numeric)"]
    if kind is Kind.TIMESTAMP:  # SQLite's own functions have milliseconds only
        fraction = f"case when substr({col}, 20, 1) = '.' then cast(substr({col}, 20) as real) else 0 end"
        return [f"unixepoch({col})", fraction]
    return [f"{col} collate binary"]
