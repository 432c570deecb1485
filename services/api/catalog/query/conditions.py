"""The conditions of a query, and how they become a filter and the canonical text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from services.api.catalog.model import Collection, FieldOrder
from services.api.catalog.query.parameters import encode
from services.contract.spec import All, AnyOf, Filter, Operator, OrderTerm, Page, Term

OF_SEVERAL = frozenset(
    {
        Operator.EQUALS,
        Operator.CONTAINS,
        Operator.STARTS_WITH,
        Operator.ENDS_WITH,
        Operator.WORD_STARTS_WITH,
    }
)
"""Operators whose term may have several values, of which any may match."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The meaning of one parameter.

    `name` is its name without empty brackets; conditions with the same name are alternatives. `text` is its value in
    the canonical spelling. `column` is a column of the source.
    """

    name: str
    text: str
    column: str
    filter: Filter


def filters_of(conditions: Iterable[Condition]) -> Iterator[Filter]:
    """Yield one filter for each name, sorted by name."""
    for _, several in _by_name(conditions):
        filters = _merged([c.filter for c in several])
        yield filters[0] if len(filters) == 1 else AnyOf(filters)


def tolerant(collection: Collection, filter_: Filter) -> Filter:
    """Return the filter with each term extended by its column's policy for invalid values."""
    policies = {(c.name, c.type): c.invalid for c in collection.columns}

    def told(node: Filter) -> Filter:
        match node:
            case Term():
                return replace(node, invalid=policies.get((node.column, node.type)))
            case All(filters):
                return All(tuple(map(told, filters)))
            case AnyOf(filters):
                return AnyOf(tuple(map(told, filters)))

    return told(filter_)


def total_order(order: Iterable[FieldOrder], key: Iterable[str]) -> tuple[OrderTerm, ...]:
    """Return `order` followed by the rest of the key, so that no two rows are equal."""
    terms = [term.term for term in order]
    named = {term.column for term in terms}
    return (*terms, *(OrderTerm(name) for name in key if name not in named))


def canonical_text(
    conditions: Iterable[Condition],
    order: Iterable[FieldOrder],
    properties: Iterable[str] = (),
    page: Page | None = None,
) -> str:
    """Return the canonical query: filters sorted by name, then the order, the properties and the page.

    Parsing it yields the same conditions, order, properties and page.
    """
    filters = [encode(name, text) for _, several in _by_name(conditions) for name, text in _written(several)]
    ordered = [encode(f"order[{t.column.field}]", "desc" if t.descending else "asc") for t in order]
    picked = [encode("properties[]", name) for name in properties]
    paged = [f"page={page.offset // page.limit + 1}", f"itemsPerPage={page.limit}"] if page else []
    return "&".join([*filters, *ordered, *picked, *paged])


def _by_name(conditions: Iterable[Condition]) -> Iterator[tuple[str, tuple[Condition, ...]]]:
    """Yield the conditions grouped by name, sorted by name, without repetitions and otherwise in their order."""
    ordered = sorted(dict.fromkeys(conditions), key=lambda c: c.name)
    return ((name, tuple(same)) for name, same in groupby(ordered, key=lambda c: c.name))


def _merged(filters: list[Filter]) -> tuple[Filter, ...]:
    """Merge alternatives that differ only in their values into one term, if its operator takes several values."""
    first = filters[0]
    if not (isinstance(first, Term) and first.operator in OF_SEVERAL):
        return tuple(filters)
    return (replace(first, values=tuple(v for f in filters if isinstance(f, Term) for v in f.values)),)


def _written(several: tuple[Condition, ...]) -> Iterator[tuple[str, str]]:
    """Yield names and texts of alternatives. Only a plain property with several values gets empty brackets."""
    brackets = "[]" if len(several) > 1 and "[" not in several[0].name else ""
    return ((c.name + brackets, c.text) for c in several)
