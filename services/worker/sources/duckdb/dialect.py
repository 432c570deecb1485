"""A spec in DuckDB's SQL. DuckDB's comparisons are exact.

If an invalid value decides whether its row matches, the statement fails with an error.
"""

from datetime import date, datetime
from decimal import Decimal

from services.contract.spec import ColumnType, Filter, Invalid, JobSpec, Kind, Operator, Term, Value
from services.worker.sources.duckdb.types import TYPES, Columns, Place
from services.worker.sources.rows.columns import only, order_types, terms
from services.worker.sources.rows.conditions import (
    NULLS,
    Parameter,
    Sql,
    any_of,
    combined,
    comparand,
    every,
    with_null,
)
from services.worker.sources.rows.step import decimal_floor, on_step, utc

UNDECIDABLE = "exportd:undecidable:"
"""Beginning of DuckDB's error when an invalid value decides whether its row matches.

The index of its column in doubtful_places follows.
"""
FOLDED = "exportd_folded"
"""SQL function that folds the case of a text. A connection must register filtering.folded under this name."""

_OF_TEXT = {
    Operator.CONTAINS: "contains({}, ?)",
    Operator.STARTS_WITH: "starts_with({}, ?)",
    Operator.ENDS_WITH: "suffix({}, ?)",
    Operator.WORD_STARTS_WITH: "contains(' ' || {}, ' ' || ?)",
}


def where(filter_: Filter, columns: Columns) -> Sql:
    """Return the condition of the rows that match. It is exact, except as described in Columns.decided_later.

    A row whose match depends on an invalid value raises an error. Terms of other columns are repeated on their own, so
    that DuckDB can push them down.
    """
    if columns.decided_later:
        return combined(filter_, lambda term: _term(term, columns, letting=_doubtful(term, columns)))
    certain = combined(filter_, lambda term: _term(term, columns))
    doubtful = doubtful_places(filter_, columns)
    if not doubtful:
        return certain
    plain = combined(only(filter_, lambda term: _place(term) not in doubtful), lambda term: _term(term, columns))
    possible = [_possible(filter_, columns, place) for place in doubtful]
    errors = "".join(
        f" when {each.text} then cast(error('{UNDECIDABLE}{index}') as boolean)" for index, each in enumerate(possible)
    )
    decided = f"case when {certain.text} then true{errors} else false end"
    return every((plain, Sql(decided, tuple(p for each in (certain, *possible) for p in each.parameters))))


def doubtful_places(filter_: Filter, columns: Columns) -> list[Place]:
    """Return the columns whose invalid values may decide which rows match."""
    return list(dict.fromkeys(_place(term) for term in terms(filter_) if _doubtful(term, columns)))


def undecidable(filter_: Filter, columns: Columns, place: Place) -> Sql:
    """Return the condition of rows whose match depends on an invalid value of the column."""
    possible, certain = _possible(filter_, columns, place), combined(filter_, lambda term: _term(term, columns))
    text = f"({possible.text}) and ({certain.text}) is not true"
    return Sql(text, (*possible.parameters, *certain.parameters))


def _possible(filter_: Filter, columns: Columns, place: Place) -> Sql:
    """Return the condition of rows that match, or would match with another value of the column."""
    return combined(filter_, lambda term: _term(term, columns, letting=_place(term) == place))


def _place(term: Term) -> Place:
    return term.column, term.type


def _doubtful(term: Term, columns: Columns) -> bool:
    """Whether an invalid value of the term's column must not be skipped."""
    compares = term.operator not in NULLS and term.policy is Invalid.REFUSE
    return compares and columns.comparable(term.column, term.type) != columns.raw(term.column, term.type)


def order(spec: JobSpec, columns: Columns) -> str:
    """Return the order by clause, by typed values.

    A key of unknown type is sorted as it is stored. Without a key, ties stay in the order of the files. Without an
    order the clause is empty, and rows stay in the order of the files.
    """
    types = order_types(spec)
    parts = []
    for term in spec.order:
        type_ = types.get(term.column)
        by = columns.comparable(term.column, type_) if type_ else columns.stored[term.column].sql
        nulls = "first" if term.nulls_first else "last"
        parts.append(f"{by} {'desc' if term.descending else 'asc'} nulls {nulls}")
    if parts and not spec.key:
        parts.append("row_number() over ()")
    return f" order by {', '.join(parts)}" if parts else ""


def _term(term: Term, columns: Columns, *, letting: bool = False) -> Sql:
    """Return the condition of a term. With `letting`, invalid values match; otherwise they match nothing."""
    raw = columns.raw(term.column, term.type)
    if term.operator in NULLS:
        return Sql(f"{raw} {term.operator.value}")
    comparable = columns.comparable(term.column, term.type)
    compared = _compared(comparable, term)
    if letting:
        compared = any_of((compared, Sql(f"({raw} is not null and {comparable} is null)")))
    return with_null(compared, raw, term)


def _compared(compared: str, term: Term) -> Sql:
    return _text(compared, term) if term.type.kind is Kind.TEXT else _typed_term(compared, term)


def _text(compared: str, term: Term) -> Sql:
    text = f"{FOLDED}({compared})" if term.ignore_case else compared
    form = _OF_TEXT.get(term.operator, f"{{}} {term.operator.value} ?")
    return any_of(Sql(form.format(text), (comparand(term, v),)) for v in term.values)


def _typed_term(compared: str, term: Term) -> Sql:
    if term.type.kind is Kind.FLOAT:
        compared = f"nullif({compared}, 'nan'::double)"  # DuckDB treats it as the greatest number
    return any_of(c for c in (_compare(compared, term, v) for v in term.values) if c is not None)


def _compare(compared: str, term: Term, value: Value) -> Sql | None:
    operator: Operator = term.operator
    if isinstance(value, Decimal):
        stepped = on_step(operator, value, decimal_floor(value, term.type.scale))
        if stepped is None:
            return None
        operator, value = stepped
    mark = f"cast(? as {_parameter_type(term.type)})"
    return Sql(f"{compared} {operator.value} {mark}", (_parameter(value),))


def _parameter_type(type_: ColumnType) -> str:
    if type_.kind is Kind.INTEGER:
        return "hugeint"
    return f"decimal(38, {type_.scale})" if type_.kind is Kind.DECIMAL else TYPES[type_.kind]


def _parameter(value: Value) -> Parameter:
    if isinstance(value, datetime):
        return utc(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
