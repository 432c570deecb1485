"""Finds the columns of a relation that the names of a spec refer to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from services.contract.spec import JobSpec
from services.worker.sources import errors
from services.worker.sources.rows.columns import NameAmbiguous, missing, named, place_of

_SECOND = ":1"
"""SQLite appends this to the name of a second column with the same name."""


def resolved(spec: JobSpec, names: Sequence[str], source_id: str) -> Mapping[str, str]:
    """Return the column that each name refers to, by name. Raises SourceFailed (COLUMN_MISSING or NAME_AMBIGUOUS)."""
    absent = missing(spec, names)
    if absent:
        raise errors.column_missing(source_id, absent)
    try:
        return {name: _meant(name, names) for name in named(spec)}
    except NameAmbiguous as ambiguous:
        raise errors.column_ambiguous(source_id, ambiguous.name) from None


def in_utf8(names: Iterable[bytes]) -> Iterator[str]:
    """Yield the names that are UTF-8. A spec cannot contain others."""
    for name in names:
        with suppress(UnicodeDecodeError):
            yield name.decode()


def _meant(name: str, names: Sequence[str]) -> str:
    place = place_of(name, names)
    assert place is not None, name  # noqa: S101 - else it is missing
    meant = names[place]
    if meant + _SECOND in names:
        raise NameAmbiguous(name)
    return meant
