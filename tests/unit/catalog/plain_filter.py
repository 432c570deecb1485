"""A plain model of filters: which rows match, decided value by value in Python."""

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any

from services.contract.spec import All, AnyOf, Filter, Operator, Term

COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUALS: lambda value, wanted: value == wanted,
    Operator.LESS: lt,
    Operator.LESS_OR_EQUAL: le,
    Operator.GREATER: gt,
    Operator.GREATER_OR_EQUAL: ge,
    Operator.CONTAINS: lambda value, wanted: wanted in value,
    Operator.STARTS_WITH: str.startswith,
    Operator.ENDS_WITH: str.endswith,
    Operator.WORD_STARTS_WITH: lambda value, wanted: value.startswith(wanted) or f" {wanted}" in value,
}


def matches(node: Filter, row: Mapping[str, Any]) -> bool:
    """Whether a row, its values by column, is one of those that the filter means."""
    match node:
        case All(filters):
            return all(matches(f, row) for f in filters)
        case AnyOf(filters):
            return any(matches(f, row) for f in filters)
        case Term(column, _, operator, values):
            value = row[column]
            if operator in (Operator.IS_NULL, Operator.IS_NOT_NULL):
                return (value is None) == (operator is Operator.IS_NULL)
            if value is None:
                return node.or_null
            return any(COMPARE[operator](_case(node, value), _case(node, wanted)) for wanted in values)


def _case(term: Term, value: Any) -> Any:
    return value.casefold() if term.ignore_case else value
