"""Which columns a reading takes from its source, and what becomes of each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from services.contract.spec import All as AllOf
from services.contract.spec import AnyOf, ColumnType, Filter, JobSpec, Kind, Term
from services.worker.schema import arrow_type, hidden_columns, hidden_name

_TEXT = ColumnType(Kind.TEXT)


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column to read: `name` in the source, `label` for people, `field` in the batch, empty if it is for filters."""

    name: str
    type: ColumnType
    label: str
    field: str

    @property
    def arrow_field(self) -> "pa.Field[Any]":
        """Its field in the batches of the reading."""
        return pa.field(self.field, arrow_type(self.type))


def source_columns(spec: JobSpec, *, deciding: bool) -> tuple[SourceColumn, ...]:
    """The table's columns, then the hidden ones, then (with `deciding`) those that only the filter needs."""
    visible = [SourceColumn(c.name, c.type, c.field, c.field) for c in spec.columns]
    hidden = [SourceColumn(name, _TEXT, name, hidden_name(name)) for name in hidden_columns(spec)]
    have = {(c.name, c.type) for c in visible}
    needed = dict.fromkeys((t.column, t.type) for t in terms(spec.filter)) if deciding else {}
    extra = [SourceColumn(name, type_, name, "") for name, type_ in needed if (name, type_) not in have]
    return (*visible, *hidden, *extra)


def terms(filter_: Filter) -> Iterator[Term]:
    """Every term of a filter, in order."""
    match filter_:
        case Term():
            yield filter_
        case AllOf(filters) | AnyOf(filters):
            for each in filters:
                yield from terms(each)


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


def missing(spec: JobSpec, names: Iterable[str]) -> list[str]:
    """What the spec uses and `names`, compared without case as every engine here does, do not have."""
    have = {name.casefold() for name in names}
    used = [c.name for c in source_columns(spec, deciding=True)] + [term.column for term in spec.order]
    return [name for name in dict.fromkeys(used) if name.casefold() not in have]
