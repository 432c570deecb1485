"""The cost of a query: how many comparisons it makes for each row."""

from collections import Counter
from collections.abc import Iterable

from services.api.catalog.query.conditions import Condition
from services.contract.spec import All, AnyOf, Filter, Operator, Term

MAX_COMPARISONS = 1000
"""Of one query with each row: a value counts once, one that is looked for in text TEXT_COMPARISONS times."""

TEXT_COMPARISONS = 10
"""What looking for a value inside of text, or with upper and lower case alike, counts: no index and no set helps."""

_EXACT = frozenset(Operator) - {
    Operator.CONTAINS,
    Operator.STARTS_WITH,
    Operator.ENDS_WITH,
    Operator.WORD_STARTS_WITH,
}


def excess(conditions: Iterable[Condition]) -> tuple[str, str]:
    """The name that asks for most, and why that is too much; both empty when it is not."""
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
    """What a filter counts for."""
    match filter_:
        case Term(operator=operator, values=values, ignore_case=ignore_case):
            return max(1, len(values)) * (1 if operator in _EXACT and not ignore_case else TEXT_COMPARISONS)
        case All(filters) | AnyOf(filters):
            return sum(map(comparisons, filters))
