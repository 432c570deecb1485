"""Where the client of asyncio works in another thread, this one works in the caller's, at once."""

from collections.abc import Callable
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Behind(Generic[T]):
    """Does one thing at a time, in order. gRPC receives what comes meanwhile."""

    def __init__(self, work: Callable[[T], object]) -> None:
        self._work = work

    def take(self, piece: T) -> None:
        """Returns when it is done; raises what the work raises."""
        self._work(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to do."""
