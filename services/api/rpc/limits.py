"""Limits of long calls in one process, by kind, so that endless calls leave room for short ones."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from services.contract.errors import TooManyStreams


class Limit:
    """At most `most` calls at once, and at most `most_each` of one holder. Further calls are refused, not queued."""

    def __init__(self, kind: str, most: int, most_each: int | None = None) -> None:
        """With `most_each` None one holder may use the whole limit."""
        self._kind = kind
        self._most = most
        self._most_each = most if most_each is None else most_each
        self._counts: Counter[str] = Counter()

    @contextmanager
    def held(self, by: str = "") -> Iterator[None]:
        """Count a call while the context lasts. Raises TooManyStreams."""
        if self._counts.total() >= self._most:
            raise TooManyStreams(self._kind, self._most)
        if self._counts[by] >= self._most_each:
            raise TooManyStreams(self._kind, self._most_each)
        self._counts[by] += 1
        try:
            yield
        finally:
            self._counts[by] -= 1
            if not self._counts[by]:
                del self._counts[by]
