"""The columns of a table: those that a caller chose, or all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from services.api.catalog.model import CatalogColumn, Collection
from services.api.catalog.violations import Violations
from services.contract.formats import Format
from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec
from services.runtime.nearest import hint, shown

MAX_HEADER_CHARACTERS = 255  # characters
WITH_HEADER = frozenset({Format.XLSX, Format.CSV})
"""Formats whose columns are named by their headers; the others name them by their fields."""

HEADER_UNUSED = "HEADER_UNUSED"


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """One column that a caller wants; an empty `header` is the collection's."""

    field: str
    header: str = ""


def choose(collection: Collection, choices: Sequence[ColumnChoice], violations: Violations) -> tuple[ColumnSpec, ...]:
    """The columns in the order chosen, those without violation; all of the collection's when there is no choice."""
    known = {column.field: column for column in collection.columns}
    for place, choice in enumerate(choices):
        for part, what in _wrong(known, choices[:place], choice):
            violations.add(f"columns[{place}].{part}", what)
    chosen = [_chosen(known[choice.field], choice) for choice in choices if choice.field in known]
    return tuple(chosen) if choices else tuple(column.spec for column in collection.columns)


def unused_headers(
    collection: Collection, choices: Sequence[ColumnChoice], format_: Format
) -> tuple[ExportWarning, ...]:
    """A warning when columns get headers of their own in a format that shows none."""
    own = {column.field: column.header for column in collection.columns}
    unused = [choice for choice in choices if choice.header not in ("", own.get(choice.field))]
    if format_ in WITH_HEADER or not unused:
        return ()
    message = f"{format_.value} names columns by their fields; header is for XLSX and CSV"
    return (ExportWarning(HEADER_UNUSED, message, len(unused)),)


def _chosen(column: CatalogColumn, choice: ColumnChoice) -> ColumnSpec:
    return replace(column.spec, header=choice.header or column.header)


def _wrong(
    known: dict[str, CatalogColumn], before: Sequence[ColumnChoice], choice: ColumnChoice
) -> Iterator[tuple[str, str]]:
    """Which part of a choice is wrong, and how to mend it."""
    if choice.field not in known:
        what = f"unknown {shown(choice.field)}" if choice.field else "it is empty"
        yield "field", f"{what}: {hint(choice.field, known)}"
        return
    if any(other.field == choice.field for other in before):
        yield "field", f"{choice.field} is there twice"
        return
    if len(choice.header) > MAX_HEADER_CHARACTERS:
        yield "header", f"must be at most {MAX_HEADER_CHARACTERS} characters"
    header = _chosen(known[choice.field], choice).header
    for place, other in enumerate(before):
        same = other.field in known and _chosen(known[other.field], other).header == header
        if same and (choice.header or other.header):  # two alike in the catalog are its author's wish
            yield "header", f"columns[{place}] has the header {shown(header)} too; give one of them another"
            return
