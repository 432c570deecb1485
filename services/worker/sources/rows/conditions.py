"""A filter as a condition of SQL, independent of the engine."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.contract.spec import All, AnyOf, Filter, Operator, Term, Value

Parameter = str | int | float | bytes

NULLS = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})
"""Operators that do not compare values."""

_SIDE_BY_SIDE = 16


@dataclass(frozen=True, slots=True)
class Sql:
    """A condition with its parameters. If `exact` is false, it may match rows that the filter does not match."""

    text: str
    parameters: tuple[Parameter, ...] = ()
    exact: bool = True


def combined(filter_: Filter, of_term: Callable[[Term], Sql]) -> Sql:
    """Build the condition of a filter from its terms. Inexact terms give a superset, as filters have no negation."""
    match filter_:
        case Term():
            return of_term(filter_)
        case All(filters):
            return every(combined(f, of_term) for f in filters)
        case AnyOf(filters):
            return any_of(combined(f, of_term) for f in filters)


def comparand(term: Term, value: Value) -> str:
    """Return a value as text to compare with; casefolded when the term ignores case."""
    return str(value).casefold() if term.ignore_case else str(value)


def with_null(condition: Sql, column: str, term: Term) -> Sql:
    """Extend the condition of a term to match nulls if the term matches them."""
    return any_of((condition, Sql(f"{column} is null"))) if term.or_null else condition


def every(conditions: Iterable[Sql]) -> Sql:
    """Join conditions with `and`. Without any, the result is true."""
    return _joined("and", "1 = 1", tuple(conditions))


def any_of(conditions: Iterable[Sql]) -> Sql:
    """Join conditions with `or`. Without any, the result is false."""
    return _joined("or", "1 = 0", tuple(conditions))


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text as a literal, where a parameter is not possible."""
    return "'" + text.replace("'", "''") + "'"


def _joined(word: str, nothing: str, parts: tuple[Sql, ...]) -> Sql:
    parameters = tuple(x for p in parts for x in p.parameters)
    text = _nested(word, [p.text for p in parts]) if parts else nothing
    return Sql(text, parameters, all(p.exact for p in parts))


def _nested(word: str, parts: list[str]) -> str:
    """Join parts as a tree whose depth grows with the logarithm.

    Engines limit the depth of a condition, and a chain would be as deep as it is long.
    """
    while True:
        starts = range(0, len(parts), _SIDE_BY_SIDE)
        parts = [f"({f' {word} '.join(parts[i : i + _SIDE_BY_SIDE])})" for i in starts]
        if len(parts) == 1:
            return parts[0]
