"""When Python's garbage collector looks for cycles."""

import gc

OBJECTS_AT_START = 200_000
"""A start makes fewer objects that a collection examines, and nearly all of them stay."""

OBJECTS_A_COLLECTION = 10_000


def spare_start() -> None:
    """Let no collection examine the objects that a start makes. Call it before large modules are imported."""
    gc.set_threshold(OBJECTS_AT_START, *gc.get_threshold()[1:])


def spare_present() -> None:
    """Exclude all present objects from garbage collection, and collect later ones less often.

    A collection follows every OBJECTS_A_COLLECTION new objects, since calls leave few cycles. Call it when all
    long-lived objects exist.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS_A_COLLECTION, *gc.get_threshold()[1:])


class Leftovers:
    """Collects what pieces of work leave: after each one that lasted, and after every few short ones."""

    SHORT_S, SHORT_ONES = 0.1, 32
    """Work that takes less time leaves little. Collecting would take a twentieth of a small export's time."""

    def __init__(self) -> None:
        self._short = 0

    def of_work(self, seconds: float) -> None:
        """Collect, if it is time to, after work that took so many seconds."""
        self._short += 1
        if seconds >= self.SHORT_S or self._short >= self.SHORT_ONES:
            gc.collect()
            self._short = 0
