"""Measures the processor time of programs, which unlike elapsed time is hardly affected by other load."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import psutil

T = TypeVar("T")


class Watched:
    """Programs by name. Each consists of a process and all its descendants."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        """`roots` are the topmost processes of the programs."""
        self._roots = {name: psutil.Process(pid) for name, pid in roots.items()}

    def during(self, work: Callable[[], T]) -> tuple[T, dict[str, float]]:
        """Return the result of `work`, and the processor seconds that each program used meanwhile."""
        before = self._seconds()
        value = work()
        return value, {name: after - before[name] for name, after in self._seconds().items()}

    def seconds(self) -> float:
        """Return the processor seconds that all programs have used so far."""
        return sum(self._seconds().values())

    def _seconds(self) -> dict[str, float]:
        """Return the processor seconds so far, of each topmost process and separately of its descendants."""
        found = {}
        for name, root in self._roots.items():
            below = sum(_seconds_of(one) for one in root.children(recursive=True))
            own, ended = root.cpu_times(), root.cpu_times()
            found[name] = own.user + own.system
            found[f"{name}'s children"] = below + ended.children_user + ended.children_system
        return found


def _seconds_of(process: psutil.Process) -> float:
    """Return the seconds of a process and of its children that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
