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
