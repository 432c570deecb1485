"""A filter as a condition of SQL, whatever the engine."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.contract.spec import All, AnyOf, Filter, Operator, Term, Value

Parameter = str | int | float | bytes

NULLS = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})
"""Operators that look at no value."""

_SIDE_BY_SIDE = 16


@dataclass(frozen=True, slots=True)
class Sql:
    """A condition with its parameters; `exact` False when it may let through rows that do not match."""

    text: str
    parameters: tuple[Parameter, ...] = ()
    exact: bool = True


def combined(filter_: Filter, of_term: Callable[[Term], Sql]) -> Sql:
    """The filter from its terms. A superset stays one: there is no negation."""
    match filter_:
        case Term():
            return of_term(filter_)
        case All(filters):
            return every(combined(f, of_term) for f in filters)
        case AnyOf(filters):
            return any_of(combined(f, of_term) for f in filters)


def comparand(term: Term, value: Value) -> str:
    """What a text is compared with; folded when the term ignores case."""
    return str(value).casefold() if term.ignore_case else str(value)


def with_null(condition: Sql, column: str, term: Term) -> Sql:
    """The condition of a term, which lets nulls through where the term does."""
    return any_of((condition, Sql(f"{column} is null"))) if term.or_null else condition


def every(conditions: Iterable[Sql]) -> Sql:
    """All of them; with none: true."""
    return _joined("and", "1 = 1", tuple(conditions))


def any_of(conditions: Iterable[Sql]) -> Sql:
    """One of them; with none: false."""
    return _joined("or", "1 = 0", tuple(conditions))


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text that can't be a parameter."""
    return "'" + text.replace("'", "''") + "'"


def _joined(word: str, nothing: str, parts: tuple[Sql, ...]) -> Sql:
    parameters = tuple(x for p in parts for x in p.parameters)
    text = _nested(word, [p.text for p in parts]) if parts else nothing
    return Sql(text, parameters, all(p.exact for p in parts))


def _nested(word: str, parts: list[str]) -> str:
    """A tree that grows in depth by the logarithm: engines bound how deep a condition is, and a chain is all depth."""
    while True:
        starts = range(0, len(parts), _SIDE_BY_SIDE)
        parts = [f"({f' {word} '.join(parts[i : i + _SIDE_BY_SIDE])})" for i in starts]
        if len(parts) == 1:
            return parts[0]
