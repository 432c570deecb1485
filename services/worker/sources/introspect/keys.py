"""A key for what declares none: views, above all. It is a guess, made of rows, and the draft says so."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from services.worker.sources.errors import SourceFailed
from services.worker.sources.introspect.names import is_unicode, words
from services.worker.sources.introspect.tables import LiveTable

MAX_ROWS = 10_000
"""How many rows a key is tried on."""
_MAX_COLUMNS = 3
_MAX_CANDIDATES = 8
_WORDS = frozenset({"id", "key", "code", "no", "nr", "number", "uuid", "guid", "pk"})
"""What the name of a key ends with."""

Row = Sequence[Any]
Look = Callable[[str, Sequence[str]], list[Row]]
"""The first MAX_ROWS rows of a relation, with these columns. May raise SourceFailed."""


def with_keys(tables: Iterable[LiveTable], look: Look) -> list[LiveTable]:
    """The tables; those without a key have the one that fits their rows, if one does."""
    listed = list(tables)
    known = {name.casefold() for table in listed for name in table.key}
    return [table if table.key or not table.columns else _with_key(table, known, look) for table in listed]


def guessed(names: Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """The first and fewest of these columns of which no two rows hold the same, and none holds a null."""
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
    except SourceFailed:  # too slow, or broken: then there is no guess
        return table
    key = guessed(candidates, rows)
    seen = f"its first {MAX_ROWS:,} rows" if len(rows) >= MAX_ROWS else f"its {len(rows):,} rows"
    note = f"guessed: no two of {seen} share it; it must tell all rows apart"
    return replace(table, key=key, key_note=note) if key else table


def _is_candidate(name: str, known: Collection[str]) -> bool:
    if not is_unicode(name):
        return False
    return name.casefold() in known or (words(name) or [""])[-1] in _WORDS
