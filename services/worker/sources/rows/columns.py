"""The columns that a reading takes from its source, and what becomes of each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from services.contract.spec import TEXT, AnyOf, ColumnType, Filter, Invalid, JobSpec, Kind, Term
from services.contract.spec import All as AllOf
from services.worker.schema import arrow_type, hidden_columns, hidden_name
from services.worker.sources.rows.conditions import NULLS


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column to read. `name` is its name in the source, `label` its name in messages.

    `field` is its name in the batch; it is empty for a column that is not written. `invalid` says what happens to
    values that are not of the type. The values of a `secret` column never appear in messages. The values of a column
    that is `in_key` tell in messages which row is meant.
    """

    name: str
    type: ColumnType
    label: str
    field: str
    invalid: Invalid = Invalid.REFUSE
    secret: bool = False
    in_key: bool = False

    @property
    def parsed_as(self) -> ColumnType:
        """The type that valid values must be of.

        For invalid JSON that is kept as text, the writer decides, so every text is valid.
        """
        return TEXT if self.type.kind is Kind.JSON and self.invalid is Invalid.TEXT else self.type

    @property
    def becomes_text(self) -> bool:
        """Whether the batch has all values of the column as text, because invalid ones are kept as text."""
        return self.invalid is Invalid.TEXT and self.parsed_as != TEXT

    @property
    def arrow_field(self) -> "pa.Field[Any]":
        """The field of the column in the batches of the reading."""
        return pa.field(self.field, arrow_type(TEXT if self.becomes_text else self.type))


def source_columns(spec: JobSpec, *, deciding: bool) -> tuple[SourceColumn, ...]:
    """Return the table's columns, then the hidden ones, then, if `deciding`, those that only the filter needs."""
    visible = [SourceColumn(c.name, c.type, c.field, c.field, c.policy) for c in spec.columns]
    hidden = [SourceColumn(name, TEXT, name, hidden_name(name)) for name in hidden_columns(spec)]
    have = {(c.name, c.type) for c in visible}
    needed = {(t.column, t.type): t.policy for t in terms(spec.filter)} if deciding else {}
    extra = [SourceColumn(*of, of[0], "", policy) for of, policy in needed.items() if of not in have]
    return _marked((*visible, *hidden, *extra), spec)


def with_key(selection: tuple[SourceColumn, ...], spec: JobSpec) -> tuple[SourceColumn, ...]:
    """Add the missing columns of the key, so that messages can say which row they mean."""
    have = {c.name.casefold() for c in selection}
    lacking = [SourceColumn(k, TEXT, k, "", Invalid.TEXT) for k in spec.key if k.casefold() not in have]
    return (*selection, *(c for c in _marked(lacking, spec) if c.in_key))


def _marked(columns: Iterable[SourceColumn], spec: JobSpec) -> tuple[SourceColumn, ...]:
    """Set `secret` and `in_key`. Sources compare names without case."""
    secret = secret_names(spec)
    shown_key = {name.casefold() for name in spec.key} - secret
    if not secret and not shown_key:
        return tuple(columns)
    names = [(c, c.name.casefold()) for c in columns]
    return tuple(replace(c, secret=name in secret, in_key=name in shown_key) for c, name in names)


def secret_names(spec: JobSpec) -> frozenset[str]:
    """Return the names (casefolded) of the columns whose values never appear in messages."""
    return frozenset(name.casefold() for name in (*spec.secret, *(c.name for c in spec.columns if c.mask)))


def terms(filter_: Filter) -> Iterator[Term]:
    """Yield every term of a filter, in order."""
    match filter_:
        case Term():
            yield filter_
        case AllOf(filters) | AnyOf(filters):
            for each in filters:
                yield from terms(each)


def all_certain(filter_: Filter) -> bool:
    """Whether a comparison by an engine is right for every row.

    It is not if invalid values may pass: an engine compares them with other values, while in a worker they match
    nothing.
    """
    return all(term.policy is Invalid.REFUSE or term.operator in NULLS for term in terms(filter_))


def only(filter_: Filter, of_interest: Callable[[Term], bool]) -> Filter:
    """Return the filter with every other term replaced by true.

    The result matches a superset, as filters have no negation.
    """
    match filter_:
        case Term():
            return filter_ if of_interest(filter_) else AllOf()
        case AllOf(filters):
            return AllOf(tuple(only(f, of_interest) for f in filters))
        case AnyOf(filters):
            return AnyOf(tuple(only(f, of_interest) for f in filters))


def order_types(spec: JobSpec) -> dict[str, ColumnType]:
    """Return the types of source columns that the spec names, for sorting.

    A key column that is not written has none.
    """
    return {**{t.column: t.type for t in terms(spec.filter)}, **{c.name: c.type for c in spec.columns}}


def used_names(spec: JobSpec) -> list[str]:
    """Return the names of the source columns that the spec uses, each once: written, hidden, filtered or sorted by."""
    used = [c.name for c in source_columns(spec, deciding=True)] + [term.column for term in spec.order]
    return list(dict.fromkeys(used))


def named(spec: JobSpec) -> list[str]:
    """Return the used names and the key. Messages name a row by its key; rows of files are named by their place."""
    return list(dict.fromkeys([*used_names(spec), *spec.key]))


def missing(spec: JobSpec, names: Iterable[str]) -> list[str]:
    """Return the columns that the spec names and `names` lacks.

    Names are compared without case, as by every engine here.
    """
    have = {name.casefold() for name in names}
    return [name for name in named(spec) if name.casefold() not in have]


class NameAmbiguous(Exception):
    """`name` could mean several columns: they differ by case only, or not at all."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def place_of(name: str, names: Sequence[str]) -> int | None:
    """Return the index of a column in `names`.

    An exact match wins over one that differs by case. None when there is none. Raises NameAmbiguous.
    """
    same = [place for place, each in enumerate(names) if each == name]
    places = same or [place for place, each in enumerate(names) if each.casefold() == name.casefold()]
    if len(places) > 1:
        raise NameAmbiguous(name)
    return places[0] if places else None
