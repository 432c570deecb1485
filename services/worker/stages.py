"""The stages of building a file, measured in a child. Its supervisor records them as spans."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from services.runtime.tracing.words import SpanName

T = TypeVar("T")


@dataclass(slots=True)
class Stage:
    """A stage with its times in nanoseconds since 1970. `waited_ns` is how long it was waited for what it makes.

    `failed` is the class of the error that ended it.
    """

    name: SpanName
    begin_ns: int
    end_ns: int = 0
    waited_ns: int = 0
    failed: str = ""


_STAGES: ContextVar[list[Stage] | None] = ContextVar("stages", default=None)


def begin() -> list[Stage]:
    """Collect the stages that follow in this task into the list that is returned."""
    stages: list[Stage] = []
    _STAGES.set(stages)
    return stages


@contextmanager
def stage(name: SpanName) -> Iterator[Stage]:
    """Return a context that is one stage."""
    measured = Stage(name, time.time_ns())
    try:
        yield measured
    except BaseException as raised:
        measured.failed = type(raised).__name__
        raise
    finally:
        measured.end_ns = time.time_ns()
        stages = _STAGES.get()
        if stages is not None:
            stages.append(measured)


def waited_for(items: Iterator[T], measured: Stage) -> Iterator[T]:
    """Yield the items, and add the time until each is there to the waits of a stage."""
    while True:
        begin_ns = time.time_ns()
        item = next(items, None)
        measured.waited_ns += time.time_ns() - begin_ns
        if item is None:
            return
        yield item
        del item
