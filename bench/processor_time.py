"""How much of the processors programs take: unlike the clock, it does not tell of who else computes meanwhile."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import psutil

T = TypeVar("T")


class Watched:
    """Programs by name, each a process with all that it started and will start."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        """`roots`: of each program the process that started all others of it."""
        self._roots = {name: psutil.Process(pid) for name, pid in roots.items()}

    def during(self, work: Callable[[], T]) -> tuple[T, dict[str, float]]:
        """What `work` returns, and the seconds of a processor that each program took meanwhile."""
        before = self._seconds()
        value = work()
        return value, {name: after - before[name] for name, after in self._seconds().items()}

    def seconds(self) -> float:
        """What all of them have taken so far."""
        return sum(self._seconds().values())

    def _seconds(self) -> dict[str, float]:
        """So far. A supervisor stands apart from the processes below it."""
        found = {}
        for name, root in self._roots.items():
            below = sum(_seconds_of(one) for one in root.children(recursive=True))
            own, ended = root.cpu_times(), root.cpu_times()
            found[name] = own.user + own.system
            found[f"{name}'s children"] = below + ended.children_user + ended.children_system
        return found


def _seconds_of(process: psutil.Process) -> float:
    """Its own, and those of its children that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
