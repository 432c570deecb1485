"""Pauses, blocking work and the caller's own functions, in the caller's thread."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from exportd_client.channel import ApiKey

P = ParamSpec("P")
R = TypeVar("R")

sleep = time.sleep


def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do the work now, in this thread, and return its result."""
    return work(*args, **kwargs)


def current(credential: ApiKey) -> str:
    """Return the key or token as it is now. Raises TypeError if the function is one for asyncio."""
    value = credential() if callable(credential) else credential
    if not isinstance(value, str):
        raise TypeError("the function of a key or token returns a text")
    return value
