"""The reserved words of the query grammar: order, exists, properties, page, itemsPerPage."""

import re
from collections.abc import Callable

from services.api.catalog.model import FieldOrder
from services.api.catalog.query.conditions import Condition
from services.api.catalog.query.parameters import Parameter
from services.api.catalog.query.reading import Reading, value_of
from services.api.catalog.violations import AlwaysRefused, Refused
from services.api.domain.filter_mode import FilterMode
from services.contract.codes import WarningCode
from services.contract.spec import Operator, ReadingMode, Term
from services.runtime.nearest import listed, shown

MAX_ROWS = 2**63 - 1

_NUMBER = re.compile(r"0*([0-9]{1,30})")
_TRUE = frozenset({"true", "1", ""})
_FALSE = frozenset({"false", "0"})


def _order(reading: Reading, parameter: Parameter) -> None:
    match parameter.brackets:
        case (name,) if name:
            column = reading.property(name, lambda c: c.sort, "cannot be ordered by")
            term = FieldOrder(column, _descending(parameter))
        case _:
            names = listed([c.field for c in reading.collection.columns if c.sort])
            raise Refused(f"name the property: order[property]=asc or desc; properties: {names}")
    same = [t for t in reading.order if t.column.name == term.column.name]
    if any(t.descending != term.descending for t in same):
        raise Refused(f"{name} is given twice in the order, in both directions; choose one")
    if not same:
        _check_keyset(reading, term)
        reading.order.append(term)


def _check_keyset(reading: Reading, term: FieldOrder) -> None:
    """Refuse any order but that of the key, if the collection is read by keyset."""
    collection, place = reading.collection, len(reading.order)
    if collection.reading is not ReadingMode.KEYSET:
        return
    if term.descending or term.column.name not in collection.key[place : place + 1]:
        raise Refused(f"this collection is read by its key: its only order is {', '.join(collection.key)}, ascending")


def _descending(parameter: Parameter) -> bool:
    direction = value_of(parameter).lower()
    if direction not in {"asc", "desc"}:
        raise Refused(f"{shown(direction) or 'an empty value'} is not a direction: write asc or desc")
    return direction == "desc"


def _exists(reading: Reading, parameter: Parameter) -> None:
    match parameter.brackets:
        case (name,) if name:
            column = reading.property(name, lambda c: c.exists, "cannot be tested with exists")
        case _:
            raise Refused("name the property: exists[property]=true or false")
    there = _answer(parameter)
    term = Term(column.name, column.type, Operator.IS_NOT_NULL if there else Operator.IS_NULL, ())
    reading.conditions.append(Condition(parameter.name, "true" if there else "false", column.name, term))


def _answer(parameter: Parameter) -> bool:
    """Return the value of exists. A missing value is true: "exists[property]"."""
    text = parameter.value or ""
    if text not in _TRUE | _FALSE:
        raise Refused(f"{shown(text)} is not one of true, 1, false, 0")
    return text in _TRUE


def _properties(reading: Reading, parameter: Parameter) -> None:
    match parameter.brackets:
        case ("",):
            relations: tuple[str, ...] = ()
        case (*parts, "") if all(parts):
            relations = tuple(parts)
        case (*parts,) if parts and all(parts):
            relations = tuple(parts)
        case _:
            raise Refused("write properties[]=property or properties[relation][]=property")
    name = ".".join([*relations, value_of(parameter)])
    reading.properties.update(dict.fromkeys(_picked(reading, name)))


def _picked(reading: Reading, name: str) -> list[str]:
    """Return the property itself, or all properties of a relation."""
    if name in reading.columns:
        return [name]
    fields, start = [c.field for c in reading.collection.columns], f"{name}."
    properties = [f for f in fields if f.startswith(start)]
    if not properties:
        raise Refused(f"unknown property {shown(name)}: {reading.hint(name, fields)}")
    return properties


def _page(reading: Reading, parameter: Parameter) -> None:
    """Take the number of the page. Mistakes are refused in LENIENT mode, too: otherwise all rows would be exported."""
    number = _positive(parameter)
    if number is None:
        raise AlwaysRefused(f"{shown(parameter.value or '') or 'an empty value'} is not a page: the first one is 1")
    if number * reading.collection.max_items_per_page > MAX_ROWS:
        raise AlwaysRefused(f"{number} is too large")
    if reading.number not in (None, number):
        raise AlwaysRefused("page is given twice; give it once")
    reading.number = number


def _items_per_page(reading: Reading, parameter: Parameter) -> None:
    size, most = _positive(parameter), reading.collection.max_items_per_page
    if size is None or (size > most and reading.mode is FilterMode.STRICT):
        raise Refused(f"{shown(parameter.value or '') or 'an empty value'} is not one of 1 to {most}")
    if size > most:
        reading.warn(
            WarningCode.ITEMS_PER_PAGE_LOWERED,
            f"itemsPerPage={size} is lowered to {most}, the maximum of this collection",
        )
        size = most
    if reading.size not in (None, size):
        raise Refused("itemsPerPage is given twice; give it once")
    reading.size = size


def _positive(parameter: Parameter) -> int | None:
    match = None if parameter.brackets else _NUMBER.fullmatch(parameter.value or "")
    return int(match[1]) or None if match else None


# Exactly the words of contract.query_words: a test compares them.
WORDS: dict[str, Callable[[Reading, Parameter], None]] = {
    "order": _order,
    "exists": _exists,
    "properties": _properties,
    "page": _page,
    "itemsPerPage": _items_per_page,
}
