"""What a check tests in a source, and the problems that it finds."""

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
    """A spec that an export of `collection` could have, using everything that its catalog allows in queries.

    `part` names the part of the collection that is tested; empty: its rows.
    """

    collection: str
    spec: JobSpec
    part: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem: what is wrong, how to fix it, and the error of the driver, which is for operators only.

    An empty `collection` means the source itself. `part` is a column or an attachment of the collection; empty: all of
    it.
    """

    source: str
    message: str
    fix: str
    collection: str = ""
    part: str = ""
    cause: str = ""


class Live(Protocol):
    """A source that is connected. Its methods raise SourceFailed."""

    def columns(self, relation: Relation) -> Sequence[LiveColumn]:
        """Return the columns of the relation. A type that is known only from the values is text."""
        ...

    def select(self, spec: JobSpec) -> None:
        """Read the spec as an export does, but without rows."""
        ...


Opened = Callable[[], AbstractContextManager[Live]]


def problems(
    source_id: str, opened: Opened, probes: Sequence[Probe], *, hides_denied: bool = False
) -> Iterator[Problem]:
    """Yield the problems of a source and of these collections.

    `hides_denied`: the database does not list columns that the account may not select.
    """
    try:
        with opened() as live:
            for probe in probes:
                yield from _of_probe(live, probe, hides_denied=hides_denied)
    except SourceFailed as failed:
        yield failure(source_id, failed)


def failure(source_id: str, failed: SourceFailed, probe: Probe | None = None) -> Problem:
    """Return the problem for a failed reading."""
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
    """Return the problem that columns may not be selected; None when they do not exist.

    Some databases do not list such columns at all.
    """
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
    """Compare the type of each column with the types that the catalog gives it.

    Columns are left out if the catalog says what happens to invalid values.
    """
    columns_used = source_columns(probe.spec, deciding=True)
    refusing = (column for column in columns_used if column.invalid is Invalid.REFUSE)
    for name, type_ in dict.fromkeys((column.name, column.type) for column in refusing):
        live = columns.get(name.casefold())
        why = unfit(type_, live.type) if live else ""
        if live and why:
            message = f"The catalog says {type_}, and the source has {live.type}: {why}."
            fix = f'type = "{live.type}" fits, and text takes any value'
            yield Problem(probe.spec.source.id, message, fix, probe.collection, probe.part or f"column {name}")
