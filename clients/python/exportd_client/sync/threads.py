"""Pauses and blocking work, in the caller's thread."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

sleep = time.sleep


def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do the work now, in this thread, and return its result."""
    return work(*args, **kwargs)
