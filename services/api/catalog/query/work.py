"""The cost of a query: how many comparisons it makes for each row."""

from collections import Counter
from collections.abc import Iterable

from services.api.catalog.query.conditions import Condition
from services.contract.spec import All, AnyOf, Filter, Operator, Term

MAX_COMPARISONS = 1000
"""The most comparisons of a query with each row. A value counts 1; a search inside text counts TEXT_COMPARISONS."""

TEXT_COMPARISONS = 10
"""How much a search inside text or a case-insensitive comparison counts, since no index and no set can help."""

_EXACT = frozenset(Operator) - {
    Operator.CONTAINS,
    Operator.STARTS_WITH,
    Operator.ENDS_WITH,
    Operator.WORD_STARTS_WITH,
}


def excess(conditions: Iterable[Condition]) -> tuple[str, str]:
    """Return the name that costs most and why the query costs too much; two empty strings if it does not."""
    counts: Counter[str] = Counter()
    for condition in dict.fromkeys(conditions):
        counts[condition.name] += comparisons(condition.filter)
    if counts.total() <= MAX_COMPARISONS:
        return "", ""
    why = (
        f"the query compares each row with too many values: they count {counts.total()}, and at most {MAX_COMPARISONS} "
        f"are allowed; one that is looked for in text, or in any case, counts {TEXT_COMPARISONS}"
    )
    return counts.most_common(1)[0][0], why


def comparisons(filter_: Filter) -> int:
    """Return the cost of a filter."""
    match filter_:
        case Term(operator=operator, values=values, ignore_case=ignore_case):
            return max(1, len(values)) * (1 if operator in _EXACT and not ignore_case else TEXT_COMPARISONS)
        case All(filters) | AnyOf(filters):
            return sum(map(comparisons, filters))
