"""How LENIENT treats parameters before they are read, as PHP does."""

from collections.abc import Iterable
from dataclasses import replace

from services.api.catalog.query.parameters import Parameter

_Slot = tuple[tuple[str, ...], int]
_SCALAR: _Slot = ((), 0)


def last_of_each(parameters: Iterable[Parameter]) -> tuple[list[Parameter], list[Parameter]]:
    """Those that count, each where its name first stood, and those that a later one replaces.

    `a[]=1&a[]=2` is a list and stays; `a=1&a[]=2` is the list only, `a[]=1&a=2` the one value.
    """
    kept: dict[str, dict[_Slot, tuple[int, Parameter]]] = {}
    replaced: list[Parameter] = []
    for place, parameter in enumerate(parameters):
        slots, slot = kept.setdefault(parameter.base, {}), _slot(place, parameter)
        clashing = [s for s in (_SCALAR, slot) if s in slots] if parameter.brackets else [*slots]
        first = min((slots[s][0] for s in clashing), default=place)
        replaced += [slots.pop(s)[1] for s in clashing]
        slots[slot] = first, parameter
    ordered = sorted((held for slots in kept.values() for held in slots.values()), key=lambda held: held[0])
    return [parameter for _, parameter in ordered], replaced


def of_list(parameter: Parameter) -> Parameter:
    """`a[0]=1` as `a[]=1`: so PHP's own clients write lists."""
    *others, last = parameter.brackets or ("",)
    return replace(parameter, brackets=(*others, "")) if last.isdecimal() and last.isascii() else parameter


def _slot(place: int, parameter: Parameter) -> _Slot:
    """Where PHP keeps it in the array of its base: each entry of a list has a place of its own."""
    is_entry = parameter.brackets[-1:] == ("",)
    return parameter.brackets, place if is_entry else 0
