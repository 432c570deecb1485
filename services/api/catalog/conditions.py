"""Conditions of a query, and what they come to: a filter, and the one text that stands for it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from services.api.catalog.model import FieldOrder
from services.api.catalog.parameters import encode
from services.api.catalog.values import write_value
from services.contract.spec import AnyOf, ColumnType, Filter, Operator, OrderTerm, Term, Value


@dataclass(frozen=True, slots=True)
class Condition:
    """One parameter understood. `name` is its name without empty brackets: conditions of one name are alternatives."""

    name: str
    column: str
    type: ColumnType
    operator: Operator
    value: Value


def filters_of(conditions: Iterable[Condition]) -> Iterator[Filter]:
    """One filter a name, sorted by name."""
    for _, several in _by_name(conditions):
        terms = tuple(_terms(several))
        yield terms[0] if len(terms) == 1 else AnyOf(terms)


def total_order(order: Iterable[FieldOrder], key: Iterable[str]) -> tuple[OrderTerm, ...]:
    """`order` with the key at its end, so that no two rows are equal."""
    terms = [term.term for term in order]
    named = {term.column for term in terms}
    return (*terms, *(OrderTerm(name) for name in key if name not in named))


def canonical_text(conditions: Iterable[Condition], order: Iterable[FieldOrder]) -> str:
    """The query that reads back as these: filters sorted by name, then the order."""
    filters = [encode(name, text) for _, several in _by_name(conditions) for name, text in _written(several)]
    return "&".join([*filters, *(encode(f"order[{t.column.field}]", _direction(t)) for t in order)])


def _by_name(conditions: Iterable[Condition]) -> Iterator[tuple[str, tuple[Condition, ...]]]:
    """Sorted by name; within one name each once, as they came."""
    ordered = sorted(dict.fromkeys(conditions), key=lambda c: c.name)
    return ((name, tuple(same)) for name, same in groupby(ordered, key=lambda c: c.name))


def _terms(several: tuple[Condition, ...]) -> Iterator[Term]:
    """EQUALS takes all values in one term, the other operators one each."""
    first = several[0]
    values = tuple(c.value for c in several)
    operands = [values] if first.operator is Operator.EQUALS else [(v,) for v in values]
    return (Term(first.column, first.type, first.operator, v) for v in operands)


def _written(several: tuple[Condition, ...]) -> Iterator[tuple[str, str]]:
    """Names and texts of alternatives; only equality says several with empty brackets."""
    brackets = "[]" if len(several) > 1 and several[0].operator is Operator.EQUALS else ""
    return ((c.name + brackets, write_value(c.value)) for c in several)


def _direction(term: FieldOrder) -> str:
    return "desc" if term.descending else "asc"
