"""Values that are made of an object once. Objects are told apart by identity: comparing them would cost more."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
Made = TypeVar("Made")


class MadeOnce(Generic[T, Made]):
    """Calls `make` once for each object, which must not change, and keeps the results of at most `most`.

    The objects are kept with their results, so that no other object gets the identity of one. Safe for any thread.
    """

    def __init__(self, make: Callable[[T], Made], most: int) -> None:
        self._make = make
        self._most = most
        self._known: dict[int, tuple[T, Made]] = {}

    def __call__(self, thing: T) -> Made:
        """Return the result for this object."""
        known = self._known.get(id(thing))
        if known is not None:
            return known[1]
        made = self._make(thing)
        if len(self._known) >= self._most:
            self._known = {}  # all at once: those in use are soon made again
        self._known[id(thing)] = (thing, made)
        return made
