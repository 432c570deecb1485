"""Guesses a key where none is declared, as in views. The guess is based on rows, and the draft says so."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from services.worker.sources.errors import SourceFailed
from services.worker.sources.introspect.names import is_unicode, words
from services.worker.sources.introspect.tables import LiveTable

MAX_ROWS = 10_000
"""Number of rows that a key is tested on."""
_MAX_COLUMNS = 3
_MAX_CANDIDATES = 8
_WORDS = frozenset({"id", "key", "code", "no", "nr", "number", "uuid", "guid", "pk"})
"""Last words of names of keys."""

Row = Sequence[Any]
Look = Callable[[str, Sequence[str]], list[Row]]
"""Returns up to MAX_ROWS rows of a relation with these columns. May raise SourceFailed."""


def with_keys(tables: Iterable[LiveTable], look: Look) -> list[LiveTable]:
    """Return the tables. A table without a key gets one that is unique in its rows, if there is one."""
    listed = list(tables)
    known = {name.casefold() for table in listed for name in table.key}
    return [table if table.key or not table.columns else _with_key(table, known, look) for table in listed]


def guessed(names: Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the smallest set of these columns whose values are unique and not null in all rows.

    Empty when there is none.
    """
    places = [place for place in range(len(names)) if all(row[place] is not None for row in rows)]
    for size in range(1, _MAX_COLUMNS + 1):
        for chosen in combinations(places, size):
            if rows and len({tuple(row[place] for place in chosen) for row in rows}) == len(rows):
                return tuple(names[place] for place in chosen)
    return ()


def _with_key(table: LiveTable, known: Collection[str], look: Look) -> LiveTable:
    candidates = [column.name for column in table.columns if _is_candidate(column.name, known)][:_MAX_CANDIDATES]
    try:
        rows = look(table.relation, candidates) if candidates else []
    except SourceFailed:  # a failed or slow query gives no guess
        return table
    key = guessed(candidates, rows)
    seen = f"its first {MAX_ROWS:,} rows" if len(rows) >= MAX_ROWS else f"its {len(rows):,} rows"
    note = f"guessed: no two of {seen} share it; it must tell all rows apart"
    return replace(table, key=key, key_note=note) if key else table


def _is_candidate(name: str, known: Collection[str]) -> bool:
    if not is_unicode(name):
        return False
    return name.casefold() in known or (words(name) or ("",))[-1] in _WORDS
