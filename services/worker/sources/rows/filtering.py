"""Decides a filter over Arrow columns: exactly and the same for every source, where its engine could not."""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from functools import reduce

import pyarrow as pa

from services.contract.spec import All, AnyOf, ColumnType, Filter, Kind, Operator, Term, Value
from services.worker.schema import arrow_type
from services.worker.sources.rows.conditions import comparand
from services.worker.sources.rows.invalid import Typed
from services.worker.sources.rows.parse import Array, pc
from services.worker.sources.rows.step import decimal_floor, on_step

Place = tuple[str, ColumnType]
Columns = Mapping[Place, Typed]
_COMPARE: dict[Operator, Callable[..., Array]] = {
    Operator.EQUALS: pc.equal,
    Operator.LESS: pc.less,
    Operator.LESS_OR_EQUAL: pc.less_equal,
    Operator.GREATER: pc.greater,
    Operator.GREATER_OR_EQUAL: pc.greater_equal,
}
_OF_TEXT: dict[Operator, Callable[[Array, str], Array]] = {
    Operator.EQUALS: lambda text, value: pc.equal(text, pa.scalar(value, text.type)),
    Operator.CONTAINS: pc.match_substring,
    Operator.STARTS_WITH: pc.starts_with,
    Operator.ENDS_WITH: pc.ends_with,
    Operator.WORD_STARTS_WITH: lambda text, value: pc.match_substring(_after_blank(text), f" {value}"),
}


def folded(text: Array) -> Array:
    """Fold texts as str.casefold does: Ñ becomes ñ, ß becomes ss."""
    plain = pc.string_is_ascii(text)
    lower = pc.ascii_lower(text)
    if pc.all(plain).as_py() is not False:
        return lower
    # Arrow has no kernel for case folding, so each text that is not ASCII becomes a Python object.
    others = text.filter(pc.invert(plain)).to_pylist()
    return pc.replace_with_mask(lower, _never_null(pc.invert(plain)), pa.array(map(str.casefold, others), text.type))


def matches(filter_: Filter, columns: Columns, rows: int, *, comparing: Collection[Place] = ()) -> Array:
    """Return one boolean per row, never null. `columns` has the column of every term, each of `rows` values.

    An invalid value is not null. No term that compares it is true, except for the columns in `comparing`, where every
    term is true.
    """
    match filter_:
        case Term():
            place = filter_.column, filter_.type
            return _decide(filter_, columns[place], comparing=place in comparing)
        case All(filters):
            each = (matches(f, columns, rows, comparing=comparing) for f in filters)
            return reduce(pc.and_, each, _constant(rows, value=True))
        case AnyOf(filters):
            each = (matches(f, columns, rows, comparing=comparing) for f in filters)
            return reduce(pc.or_, each, _constant(rows, value=False))


def _decide(term: Term, column: Typed, *, comparing: bool) -> Array:
    is_null = pc.is_null(column.values)
    if column.invalid is not None:
        is_null = pc.and_(is_null, pc.is_null(column.invalid))
    if term.operator is Operator.IS_NOT_NULL:
        return pc.invert(is_null)
    if term.operator is Operator.IS_NULL:
        return is_null
    decided = _never_null(_any_value(term, column.values))
    if comparing and column.invalid is not None:
        decided = pc.or_(decided, pc.is_valid(column.invalid))
    return pc.or_(decided, is_null) if term.or_null else decided


def _any_value(term: Term, column: Array) -> Array:
    """Return where a term holds for at least one of its values. Without values it holds nowhere."""
    of_text = _OF_TEXT.get(term.operator) if term.type.kind is Kind.TEXT else None
    compared = folded(column) if term.ignore_case else column
    comparisons = (of_text(compared, comparand(term, v)) if of_text else _compare(column, term, v) for v in term.values)
    return reduce(pc.or_, comparisons, _constant(len(column), value=False))


def _after_blank(text: Array) -> Array:
    """Put a blank before each text, so that every word follows a blank."""
    blank = pa.scalar(" ", text.type)
    return pc.binary_join_element_wise(blank, text, pa.scalar("", text.type))


def _compare(column: Array, term: Term, value: Value) -> Array:
    if not isinstance(value, Decimal):
        return _COMPARE[term.operator](column, pa.scalar(value, arrow_type(term.type)))
    stepped = on_step(term.operator, value, decimal_floor(value, term.type.scale))
    if stepped is None:
        return _constant(len(column), value=False)
    operator, step = stepped
    return _COMPARE[operator](column, pa.scalar(step, pa.decimal128(38, term.type.scale)))


def _never_null(booleans: Array) -> Array:
    return pc.fill_null(booleans, fill_value=False)


def _constant(rows: int, *, value: bool) -> Array:
    return pa.repeat(pa.scalar(value), rows)
