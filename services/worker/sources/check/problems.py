"""What a check asks of a source, and what it finds."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from services.contract.codes import FailureCode
from services.contract.spec import Invalid, JobSpec, Relation
from services.runtime.nearest import nearest
from services.worker.sources.check.types import unfit
from services.worker.sources.errors import SourceFailed
from services.worker.sources.introspect.tables import LiveColumn
from services.worker.sources.rows.columns import named, source_columns
from services.worker.sources.said import all_said


@dataclass(frozen=True, slots=True)
class Probe:
    """A spec that an export of `collection` could have, with everything that its catalog lets queries use.

    `part` names what of the collection it is about; empty: its rows.
    """

    collection: str
    spec: JobSpec
    part: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, how to fix it, and what the driver said, which is for operators only.

    `collection` empty: with the source itself; `part`: a column or attachment of the collection, empty: all of it.
    """

    source: str
    message: str
    fix: str
    collection: str = ""
    part: str = ""
    cause: str = ""


class Live(Protocol):
    """A source that was reached. Raises SourceFailed."""

    def columns(self, relation: Relation) -> Sequence[LiveColumn]:
        """What the relation has; text where the type cannot be told before the values are read."""
        ...

    def select(self, spec: JobSpec) -> None:
        """Read the spec as an export does, without a row."""
        ...


Opened = Callable[[], AbstractContextManager[Live]]


def problems(
    source_id: str, opened: Opened, probes: Sequence[Probe], *, hides_denied: bool = False
) -> Iterator[Problem]:
    """Everything that is wrong with the source and with these collections of it. `hides_denied`: the database does not
    list columns that the account may not select.
    """
    try:
        with opened() as live:
            for probe in probes:
                yield from _of_probe(live, probe, hides_denied=hides_denied)
    except SourceFailed as failed:
        yield failure(source_id, failed)


def failure(source_id: str, failed: SourceFailed, probe: Probe | None = None) -> Problem:
    """A reading that failed, as a problem."""
    remedy = failed.code.remedy if isinstance(failed.code, FailureCode) else ""
    collection, part = (probe.collection, probe.part) if probe else ("", "")
    return Problem(source_id, failed.message, remedy, collection, part, all_said(failed))


def _of_probe(live: Live, probe: Probe, *, hides_denied: bool) -> Iterator[Problem]:
    source_id = probe.spec.source.id
    try:
        listed = live.columns(probe.spec.relation)
    except SourceFailed as failed:
        yield failure(source_id, failed, probe)
        return
    columns = {column.name.casefold(): column for column in listed}
    absent = list(_absent(probe, columns, [column.name for column in listed]))
    denied = _denied(live, probe) if absent and hides_denied else None
    yield from [denied] if denied else absent
    yield from _types(probe, columns)
    if absent:
        return
    try:
        live.select(probe.spec)
    except SourceFailed as failed:
        yield failure(source_id, failed, probe)


def _denied(live: Live, probe: Probe) -> Problem | None:
    """That columns may not be selected, of which some databases say nothing else; None: they are not there."""
    try:
        live.select(probe.spec)
    except SourceFailed as failed:
        if failed.code is FailureCode.PERMISSION_DENIED:
            return failure(probe.spec.source.id, failed, probe)
    return None


def _absent(probe: Probe, columns: dict[str, LiveColumn], names: list[str]) -> Iterator[Problem]:
    spec = probe.spec
    for name in named(spec):
        if name.casefold() not in columns:
            meant = nearest(name, names)
            fix = f"did you mean {meant}?" if meant else "take it out of the catalog, or add it to the query or view"
            part = probe.part or f"column {name}"
            message = f"The source {spec.source.id!r} has no column {name!r} there."
            yield Problem(spec.source.id, message, fix, probe.collection, part)


def _types(probe: Probe, columns: dict[str, LiveColumn]) -> Iterator[Problem]:
    """Each column of the source with each type that the catalog gives it, unless it says what happens to others."""
    columns_used = source_columns(probe.spec, deciding=True)
    refusing = (column for column in columns_used if column.invalid is Invalid.REFUSE)
    for name, type_ in dict.fromkeys((column.name, column.type) for column in refusing):
        live = columns.get(name.casefold())
        why = unfit(type_, live.type) if live else ""
        if live and why:
            message = f"The catalog says {type_}, and the source has {live.type}: {why}."
            fix = f'type = "{live.type}" fits, and text takes any value'
            yield Problem(probe.spec.source.id, message, fix, probe.collection, probe.part or f"column {name}")
