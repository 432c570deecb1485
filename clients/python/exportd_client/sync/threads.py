"""What blocks does so in the thread of the caller."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

sleep = time.sleep


def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Done now, in this thread."""
    return work(*args, **kwargs)
