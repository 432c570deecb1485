"""Removes rows that come twice. When a row is added while pages are read, another row moves on to the next page."""

from collections.abc import Callable, Sequence
from typing import Any

from services.worker.sources.http.items import Item

_REMEMBERED = 10_000


class Repeats:
    """Remembers the keys of the last 10,000 to 20,000 rows, and of at least two pages.

    `keys` returns the key of each item, or None for an item without one.
    """

    def __init__(self, keys: Callable[[Sequence[Item]], list[Any]]) -> None:
        self._keys = keys
        self._recent: set[Any] = set()
        self._older: set[Any] = set()
        self.count = 0
        """Number of rows that were removed."""

    def left_out(self, items: list[Item]) -> list[Item]:
        """Return the items without those that came before."""
        keys = self._keys(items)
        known = set(keys)
        if len(known) == len(keys) and known.isdisjoint(self._recent) and known.isdisjoint(self._older):
            fresh = items
        else:
            fresh = [item for item, key in zip(items, keys, strict=True) if self._is_new(key, known)]
        self.count += len(items) - len(fresh)
        self._remember(keys)
        return fresh

    def _is_new(self, key: Any, unused: set[Any]) -> bool:
        """Whether this is the first row with its key. `unused` has the keys of the page that were not used yet."""
        new = key in unused and key not in self._recent and key not in self._older
        unused.discard(key)
        return new

    def _remember(self, keys: list[Any]) -> None:
        if len(self._recent) >= _REMEMBERED:
            self._recent, self._older = set(), self._recent
        self._recent.update(keys)
