"""What the api takes from outside because it cannot compute it: the time, chance, and names that nobody has."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from uuid6 import uuid7


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return str(uuid4())


def _new_export_id() -> str:
    return str(uuid7())


@dataclass(frozen=True, slots=True)
class World:
    """`World()` is the real one; a test gives what it wants to decide itself.

    `clock` is the time in UTC, which an operator may set; `monotonic` counts seconds from any moment and never goes
    back. `random` gives numbers from 0 to less than 1 that spread what would else come at once, and no secrets.
    `new_id` gives a UUID, `new_export_id` one that sorts behind all that were made before it.
    """

    clock: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    new_id: Callable[[], str] = _new_id
    new_export_id: Callable[[], str] = _new_export_id
