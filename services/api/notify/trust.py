"""The TLS context that verifies receivers."""

import asyncio
import ssl
from collections.abc import Callable


class Trust:
    """A TLS context that is made when it is needed first: the system has more than a hundred authorities to load."""

    def __init__(self, make: Callable[[], ssl.SSLContext]) -> None:
        """`make` runs in a thread. It may run twice if two ask at once."""
        self._make = make
        self._made: ssl.SSLContext | None = None

    async def context(self) -> ssl.SSLContext:
        """Return the context. Raises what `make` raises."""
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)
        return self._made
