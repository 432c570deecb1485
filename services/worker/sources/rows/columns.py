"""Which columns a reading takes from its source, and what happens to each."""

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
    """A column to read: `name` in the source, `label` for people, `field` in the batch, empty if it is not for the
    file.

    `invalid`: what happens to values that are not of the type. `secret`: no message has its values. `in_key`: messages
    say by it which row they mean.
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
        """The type that values must be of to be valid. What is no JSON is up to whoever writes it."""
        return TEXT if self.type.kind is Kind.JSON and self.invalid is Invalid.TEXT else self.type

    @property
    def becomes_text(self) -> bool:
        """Whether all its values are text in the batch, since invalid ones are."""
        return self.invalid is Invalid.TEXT and self.parsed_as != TEXT

    @property
    def arrow_field(self) -> "pa.Field[Any]":
        """Its field in the batches of the reading."""
        return pa.field(self.field, arrow_type(TEXT if self.becomes_text else self.type))


def source_columns(spec: JobSpec, *, deciding: bool) -> tuple[SourceColumn, ...]:
    """The table's columns, then the hidden ones, then (with `deciding`) those that only the filter needs."""
    visible = [SourceColumn(c.name, c.type, c.field, c.field, c.policy) for c in spec.columns]
    hidden = [SourceColumn(name, TEXT, name, hidden_name(name)) for name in hidden_columns(spec)]
    have = {(c.name, c.type) for c in visible}
    needed = {(t.column, t.type): t.policy for t in terms(spec.filter)} if deciding else {}
    extra = [SourceColumn(*of, of[0], "", policy) for of, policy in needed.items() if of not in have]
    return _marked((*visible, *hidden, *extra), spec)


def with_key(selection: tuple[SourceColumn, ...], spec: JobSpec) -> tuple[SourceColumn, ...]:
    """With what is lacking of the key, so that messages can say which row they mean."""
    have = {c.name.casefold() for c in selection}
    lacking = [SourceColumn(k, TEXT, k, "", Invalid.TEXT) for k in spec.key if k.casefold() not in have]
    return (*selection, *(c for c in _marked(lacking, spec) if c.in_key))


def _marked(columns: Iterable[SourceColumn], spec: JobSpec) -> tuple[SourceColumn, ...]:
    """Sources tell names apart without regard to upper and lower case."""
    secret = secret_names(spec)
    shown_key = {name.casefold() for name in spec.key} - secret
    names = [(c, c.name.casefold()) for c in columns]
    return tuple(replace(c, secret=name in secret, in_key=name in shown_key) for c, name in names)


def secret_names(spec: JobSpec) -> frozenset[str]:
    """Names of columns, without case, of which no message has a value."""
    return frozenset(name.casefold() for name in (*spec.secret, *(c.name for c in spec.columns if c.mask)))


def terms(filter_: Filter) -> Iterator[Term]:
    """Every term of a filter, in order."""
    match filter_:
        case Term():
            yield filter_
        case AllOf(filters) | AnyOf(filters):
            for each in filters:
                yield from terms(each)


def all_certain(filter_: Filter) -> bool:
    """Whether what an engine compares exactly is right for every row.

    Not where invalid values are to be let through: an engine compares them with others, here they compare with nothing.
    """
    return all(term.policy is Invalid.REFUSE or term.operator in NULLS for term in terms(filter_))


def only(filter_: Filter, of_interest: Callable[[Term], bool]) -> Filter:
    """The filter with every other term taken for true: a superset, for there is no negation."""
    match filter_:
        case Term():
            return filter_ if of_interest(filter_) else AllOf()
        case AllOf(filters):
            return AllOf(tuple(only(f, of_interest) for f in filters))
        case AnyOf(filters):
            return AnyOf(tuple(only(f, of_interest) for f in filters))


def order_types(spec: JobSpec) -> dict[str, ColumnType]:
    """Types of source columns as far as the spec tells, for sorting; a key that is not shown has none."""
    return {**{t.column: t.type for t in terms(spec.filter)}, **{c.name: c.type for c in spec.columns}}


def used_names(spec: JobSpec) -> list[str]:
    """Names of source columns that the spec uses, each once: shown, hidden, filtered and sorted by."""
    used = [c.name for c in source_columns(spec, deciding=True)] + [term.column for term in spec.order]
    return list(dict.fromkeys(used))


def named(spec: JobSpec) -> list[str]:
    """Those that it uses, and the key, by which messages say which row they mean; rows of files have a place."""
    return list(dict.fromkeys([*used_names(spec), *spec.key]))


def missing(spec: JobSpec, names: Iterable[str]) -> list[str]:
    """What the spec names and `names`, compared without case as every engine here does, do not have."""
    have = {name.casefold() for name in names}
    return [name for name in named(spec) if name.casefold() not in have]


class NameAmbiguous(Exception):
    """Several columns may be meant by `name`: they differ by case only, or not at all."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def place_of(name: str, names: Sequence[str]) -> int | None:
    """Where a column is among `names`: the very name wins, then one that differs by case only; None: nowhere.

    Raises NameAmbiguous.
    """
    same = [place for place, each in enumerate(names) if each == name]
    places = same or [place for place, each in enumerate(names) if each.casefold() == name.casefold()]
    if len(places) > 1:
        raise NameAmbiguous(name)
    return places[0] if places else None
