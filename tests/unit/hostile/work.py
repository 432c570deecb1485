"""How much work a call is, counted in lines of Python that it runs: the same number on every machine."""

import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any


class TooMuchWork(BaseException):
    """Not an Exception: nothing on the way takes it for its own."""


def lines(parser: Callable[[str], object], text: str, most: int) -> int:
    """Lines that run until `parser` returns or raises; above `most` it is cut off: the answer is more than that."""
    count = 0

    def trace(_frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        if count > most:
            raise TooMuchWork
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with suppress(Exception, TooMuchWork):  # whether it is refused is no matter here
            parser(text)
    finally:
        sys.settrace(before)
    return count
