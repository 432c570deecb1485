"""How many long calls one process serves, a count for each kind: an endless one must not crowd out a short one."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.contract.errors import TooManyStreams


class Limit:
    """At most `most` at once; one more is refused, not queued."""

    def __init__(self, kind: str, most: int) -> None:
        self._kind = kind
        self._most = most
        self._now = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Count one while the context lasts. Raises TooManyStreams."""
        if self._now >= self._most:
            raise TooManyStreams(self._kind, self._most)
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1
