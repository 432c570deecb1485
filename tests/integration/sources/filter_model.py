"""Rows of every type, and what filters and orders mean: in plain Python."""

import operator
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from services.contract.spec import All, AnyOf, Filter, Operator, OrderTerm, Page, Term

Row = dict[str, Any]

DAY = datetime(2026, 1, 31, tzinfo=UTC)
MICRO = timedelta(microseconds=1)
TYPES = {
    "id": "integer",
    "t": "text",
    "n": "integer",
    "d": "decimal(18,2)",
    "f": "float",
    "b": "boolean",
    "day": "date",
    "at": "timestamp",
}
COLUMNS: dict[str, list[Any]] = {
    "t": [
        *("Ñandú", "ñandú", "abc", "ABC", "", None, "5", "05", "5.0", "a'b\"c"),
        *("ÑANDÚ", "100%", "100 % agave", "1000", "a_b", "axb", "A_B", "a\\b", "*?[a]", "straße"),
        *("STRASSE", "Ana María", "ANA MARÍA", " maría", "Anamaria", "k", "\N{KELVIN SIGN}", "ﬁn", "FIN", "ΣΊΣΥΦΟΣ"),
    ],
    "n": [0, 5, -5, 2**63 - 1, -(2**63), 2**53 + 1, 2**53, None, 7, 10] * 3,
    "d": [*map(Decimal, "9.99 12.99 15.99 19.99 0.30 -0.01 1234567890123.45 0.00 12.98".split()), None] * 3,  # noqa: SIM905
    "f": [0.1 + 0.2, 0.3, -1.5, 5e-324, 0.0, 1e308, None, 2.0, 3.0, float("inf")] * 3,
    "b": [True, False, None, True, False, True, None, False, True, True] * 3,
    "day": ([date(2026, 1, d) for d in range(1, 9)] + [None, date(1900, 2, 28)]) * 3,
    "at": [
        *(DAY, DAY - MICRO, DAY + MICRO, DAY + timedelta(hours=5), None, DAY.replace(year=1), DAY),
        *(DAY + timedelta(milliseconds=500), DAY + timedelta(seconds=59), DAY - timedelta(days=1)),
    ]
    * 3,
}
ROWS: list[Row] = [
    dict(zip(TYPES, row, strict=True)) for row in zip(range(len(COLUMNS["t"])), *COLUMNS.values(), strict=True)
]

BY_SIZE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUALS: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}
OF_TEXT: dict[Operator, Callable[[str, str], bool]] = {
    Operator.CONTAINS: lambda text, value: value in text,
    Operator.STARTS_WITH: str.startswith,
    Operator.ENDS_WITH: str.endswith,
    Operator.WORD_STARTS_WITH: lambda text, value: text.startswith(value) or f" {value}" in text,
}
_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {**BY_SIZE, **OF_TEXT}


def matches(filter_: Filter, row: Row) -> bool:
    match filter_:
        case All(filters):
            return all(matches(f, row) for f in filters)
        case AnyOf(filters):
            return any(matches(f, row) for f in filters)
        case Term():
            return _holds(filter_, row[filter_.column])


def _holds(term: Term, value: Any) -> bool:
    if term.operator is Operator.IS_NOT_NULL:
        return value is not None
    if value is None:
        return term.or_null or term.operator is Operator.IS_NULL
    return any(_COMPARE[term.operator](_folded(term, value), _folded(term, wanted)) for wanted in term.values)


def _folded(term: Term, value: Any) -> Any:
    return value.casefold() if term.ignore_case else value


def selected(filter_: Filter, order: Sequence[OrderTerm] = (), page: Page | None = None) -> list[int]:
    """Ids of the rows that match, ordered, with ties by id; of them, those on the page."""
    found = [row for row in ROWS if matches(filter_, row)]
    for term in reversed(order):
        found.sort(key=partial(_rank, term))
    ids = [row["id"] for row in found]
    return ids[page.offset : page.offset + page.limit] if page else ids


def _rank(term: OrderTerm, row: Row) -> tuple[bool, Any]:
    value = row[term.column]
    if value is None:
        return (not term.nulls_first, 0)
    return (term.nulls_first, _Reversed(value) if term.descending else value)


class _Reversed:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.value < self.value)
