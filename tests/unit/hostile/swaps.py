"""A folder that is swapped with a link while somebody opens a file in it, at each step of the opening in turn."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

_LOOKS = frozenset({"open", "stat", "lstat", "readlink", "scandir", "fstat"})
"""Calls to the operating system before which something may happen."""


@contextmanager
def before_call(number: int, do: Callable[[], None]) -> Iterator[list[str]]:
    """Do something just before the `number`th look at the disk, counted from 0; the list has the looks so far."""
    looks: list[str] = []

    def profile(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and getattr(called, "__module__", "") == "posix" and called.__name__ in _LOOKS:
            looks.append(called.__name__)
            if len(looks) == number + 1:
                sys.setprofile(None)
                do()
                sys.setprofile(profile)

    sys.setprofile(profile)
    try:
        yield looks
    finally:
        sys.setprofile(None)


def swap(folder: Path, target: Path) -> None:
    """Put a link to `target` where a folder is."""
    folder.rename(folder.with_name(f"{folder.name}.was"))
    folder.symlink_to(target)


def swap_back(folder: Path) -> None:
    folder.unlink()
    folder.with_name(f"{folder.name}.was").rename(folder)
