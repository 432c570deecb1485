"""The blocking counterpart of exportd_client/aio/behind.py: the work is done at once, in the caller's thread."""

from collections.abc import Callable
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Behind(Generic[T]):
    """Works on one piece at a time, in order. gRPC receives the next pieces meanwhile."""

    def __init__(self, work: Callable[[T], object]) -> None:
        self._work = work

    def take(self, piece: T) -> None:
        """Do the work on `piece`. Raises the errors of the work."""
        self._work(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: no work is left."""
