"""Conditions of a query, and what they come to: a filter, and the one text that stands for it."""

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
"""Operators whose term may have several values: any of them."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One parameter understood.

    `name` is its name without empty brackets: conditions of one name are alternatives. `text` is its value in the one
    spelling that reads back as it. `column` is of the source.
    """

    name: str
    text: str
    column: str
    filter: Filter


def filters_of(conditions: Iterable[Condition]) -> Iterator[Filter]:
    """One filter a name, sorted by name."""
    for _, several in _by_name(conditions):
        filters = _merged([c.filter for c in several])
        yield filters[0] if len(filters) == 1 else AnyOf(filters)


def tolerant(collection: Collection, filter_: Filter) -> Filter:
    """The filter, of which each term has what its column says of invalid values."""
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
    """`order` with the key at its end, so that no two rows are equal."""
    terms = [term.term for term in order]
    named = {term.column for term in terms}
    return (*terms, *(OrderTerm(name) for name in key if name not in named))


def canonical_text(
    conditions: Iterable[Condition],
    order: Iterable[FieldOrder],
    properties: Iterable[str] = (),
    page: Page | None = None,
) -> str:
    """The query that reads back as these: filters sorted by name, then the order, the properties and the page."""
    filters = [encode(name, text) for _, several in _by_name(conditions) for name, text in _written(several)]
    ordered = [encode(f"order[{t.column.field}]", "desc" if t.descending else "asc") for t in order]
    picked = [encode("properties[]", name) for name in properties]
    paged = [f"page={page.offset // page.limit + 1}", f"itemsPerPage={page.limit}"] if page else []
    return "&".join([*filters, *ordered, *picked, *paged])


def _by_name(conditions: Iterable[Condition]) -> Iterator[tuple[str, tuple[Condition, ...]]]:
    """Sorted by name; within one name each once, as they came."""
    ordered = sorted(dict.fromkeys(conditions), key=lambda c: c.name)
    return ((name, tuple(same)) for name, same in groupby(ordered, key=lambda c: c.name))


def _merged(filters: list[Filter]) -> tuple[Filter, ...]:
    """Alternatives that differ in their values only become one term where its operator takes several."""
    first = filters[0]
    if not (isinstance(first, Term) and first.operator in OF_SEVERAL):
        return tuple(filters)
    return (replace(first, values=tuple(v for f in filters if isinstance(f, Term) for v in f.values)),)


def _written(several: tuple[Condition, ...]) -> Iterator[tuple[str, str]]:
    """Names and texts of alternatives; only a plain property says several with empty brackets."""
    brackets = "[]" if len(several) > 1 and "[" not in several[0].name else ""
    return ((c.name + brackets, c.text) for c in several)
