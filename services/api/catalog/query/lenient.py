"""How LENIENT mode treats repeated parameters and lists, as PHP does, before they are parsed."""

from collections.abc import Iterable
from dataclasses import replace

from services.api.catalog.query.parameters import Parameter

_Slot = tuple[tuple[str, ...], int]
_SCALAR: _Slot = ((), 0)


def last_of_each(parameters: Iterable[Parameter]) -> tuple[list[Parameter], list[Parameter]]:
    """Return the parameters that count, and those that a later one replaces.

    A parameter that counts is at the place where its name first stood. `a[]=1&a[]=2` is a list, and both stay. Of
    `a=1&a[]=2` only the list stays, of `a[]=1&a=2` only the single value.
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
    """Return `a[0]=1` as `a[]=1`: the former is how PHP clients write lists."""
    *others, last = parameter.brackets or ("",)
    return replace(parameter, brackets=(*others, "")) if last.isdecimal() and last.isascii() else parameter


def _slot(place: int, parameter: Parameter) -> _Slot:
    """Return the place of a parameter in the PHP array of its base. Each entry of a list has a place of its own."""
    is_entry = parameter.brackets[-1:] == ("",)
    return parameter.brackets, place if is_entry else 0
