"""The columns of an export: those that the caller chose, or all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from services.api.catalog.model import CatalogColumn, Collection
from services.api.catalog.violations import Violations
from services.contract.codes import WarningCode
from services.contract.formats import Format
from services.contract.outcome import ExportWarning
from services.contract.spec import ColumnSpec
from services.runtime.nearest import hint, shown

MAX_HEADER_CHARACTERS = 255
WITH_HEADER = frozenset({Format.XLSX, Format.CSV})
"""Formats that name columns by their headers. The others name them by their fields."""


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """One column that a caller asks for. If `header` is empty, the header of the collection is used."""

    field: str
    header: str = ""


def choose(collection: Collection, choices: Sequence[ColumnChoice], violations: Violations) -> tuple[ColumnSpec, ...]:
    """Return the chosen columns in their order, without invalid ones; all columns of the collection if none are chosen.

    Mistakes are added to `violations`.
    """
    known = {column.field: column for column in collection.columns}
    before = _Before(known)
    for place, choice in enumerate(choices):
        for part, what in before.wrong(choice):
            violations.add(f"columns[{place}].{part}", what)
        before.add(place, choice)
    chosen = [_chosen(known[choice.field], choice) for choice in choices if choice.field in known]
    return tuple(chosen) if choices else tuple(column.spec for column in collection.columns)


def unused_headers(
    collection: Collection, choices: Sequence[ColumnChoice], format_: Format
) -> tuple[ExportWarning, ...]:
    """Return a warning if headers are given for a format that does not show them."""
    own = {column.field: column.header for column in collection.columns}
    unused = [choice for choice in choices if choice.header not in ("", own.get(choice.field))]
    if format_ in WITH_HEADER or not unused:
        return ()
    message = f"{format_.value} names columns by their fields; header is for XLSX and CSV"
    return (ExportWarning(WarningCode.HEADER_UNUSED, message, len(unused)),)


def _chosen(column: CatalogColumn, choice: ColumnChoice) -> ColumnSpec:
    return replace(column.spec, header=choice.header or column.header)


class _Before:
    """The choices before the current one: their fields, and the places where each header was first used.

    Lookups by key instead of scans, because a wide collection has thousands of columns.
    """

    def __init__(self, known: Mapping[str, CatalogColumn]) -> None:
        self._known = known
        self._fields: set[str] = set()
        self._headers: dict[str, int] = {}
        self._own_headers: dict[str, int] = {}

    def add(self, place: int, choice: ColumnChoice) -> None:
        self._fields.add(choice.field)
        if choice.field in self._known:
            header = self._header(choice)
            self._headers.setdefault(header, place)
            if choice.header:
                self._own_headers.setdefault(header, place)

    def wrong(self, choice: ColumnChoice) -> Iterator[tuple[str, str]]:
        """Yield the part of a choice that is wrong, and how to fix it."""
        if choice.field not in self._known:
            what = f"unknown {shown(choice.field)}" if choice.field else "it is empty"
            yield "field", f"{what}: {hint(choice.field, self._known)}"
        elif choice.field in self._fields:
            yield "field", f"{choice.field} is there twice"
        else:
            yield from self._wrong_headers(choice)

    def _wrong_headers(self, choice: ColumnChoice) -> Iterator[tuple[str, str]]:
        if len(choice.header) > MAX_HEADER_CHARACTERS:
            yield "header", f"must be at most {MAX_HEADER_CHARACTERS} characters"
        header = self._header(choice)
        alike = self._headers if choice.header else self._own_headers  # equal headers in the catalog are allowed
        if header in alike:
            same = f"columns[{alike[header]}]"
            yield "header", f"{same} has the header {shown(header)} too; give one of them another"

    def _header(self, choice: ColumnChoice) -> str:
        return choice.header or self._known[choice.field].header
