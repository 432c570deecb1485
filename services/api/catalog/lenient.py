"""What LENIENT does to parameters before they are read: of those that are repeated, the last one counts, as in PHP."""

from collections.abc import Iterable

from services.api.catalog.parameters import Parameter


def last_of_each(parameters: Iterable[Parameter]) -> tuple[list[Parameter], list[Parameter]]:
    """Those that count, each where its name first stood, and those that a later one replaces.

    `a[]=1&a[]=2` is a list and stays; `a=1&a[]=2` is the list only, `a[]=1&a=2` the one value.
    """
    kept: list[Parameter] = []
    replaced: list[Parameter] = []
    for parameter in parameters:
        clashing = [p for p in kept if _clash(p, parameter)]
        replaced += clashing
        place = kept.index(clashing[0]) if clashing else len(kept)
        kept = [p for p in kept if p not in clashing]
        kept.insert(place, parameter)
    return kept, replaced


def _clash(one: Parameter, other: Parameter) -> bool:
    if one.base != other.base:
        return False
    if not (one.brackets and other.brackets):
        return True
    return one.brackets == other.brackets and one.brackets[-1] != ""
