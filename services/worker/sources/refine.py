"""Deciding a filter over Arrow columns, exactly and alike for every source, where its engine could not."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce

import pyarrow as pa

from services.contract.spec import All, AnyOf, ColumnType, Filter, Operator, Term, Value
from services.worker.schema import arrow_type
from services.worker.sources.parse import Array, pc
from services.worker.sources.steps import decimal_floor, on_step

Columns = Mapping[tuple[str, ColumnType], Array]
_COMPARE: dict[Operator, Callable[..., Array]] = {
    Operator.EQUALS: pc.equal,
    Operator.LESS: pc.less,
    Operator.LESS_OR_EQUAL: pc.less_equal,
    Operator.GREATER: pc.greater,
    Operator.GREATER_OR_EQUAL: pc.greater_equal,
}


def mask(filter_: Filter, columns: Columns, rows: int) -> Array:
    """One boolean a row, never null. `columns` holds every term's column, typed, `rows` long."""
    match filter_:
        case Term():
            return _decide(filter_, columns[filter_.column, filter_.type])
        case All(filters):
            return reduce(pc.and_, (mask(f, columns, rows) for f in filters), _constant(rows, value=True))
        case AnyOf(filters):
            return reduce(pc.or_, (mask(f, columns, rows) for f in filters), _constant(rows, value=False))


def _decide(term: Term, column: Array) -> Array:
    found = (_compare(column, term, value) for value in term.values)
    return pc.fill_null(reduce(pc.or_, found, _constant(len(column), value=False)), fill_value=False)


def _compare(column: Array, term: Term, value: Value) -> Array:
    if not isinstance(value, Decimal):
        return _COMPARE[term.operator](column, pa.scalar(value, arrow_type(term.type)))
    stepped = on_step(term.operator, value, decimal_floor(value, term.type.scale))
    if stepped is None:
        return _constant(len(column), value=False)
    operator, step = stepped
    return _COMPARE[operator](column, pa.scalar(step, pa.decimal128(38, term.type.scale)))


def _constant(rows: int, *, value: bool) -> Array:
    return pa.repeat(pa.scalar(value), rows)
