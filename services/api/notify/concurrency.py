"""What is under way, by receiver and by tenant, each within its bound."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class _Load:
    """Of one name, while something is under way for it. `failing`: the last try that ended did."""

    most: int
    under_way: int = 0
    failing: bool = False


class Loads:
    """Counts what is under way. One delivery counts for several names, given with the most that each may have."""

    def __init__(self) -> None:
        self._loads: dict[str, _Load] = {}

    def begin(self, bounds: Mapping[str, int]) -> bool:
        """Count one more for each name; False, and nothing is counted, when one of them is busy."""
        if self._busy(bounds):
            return False
        for name, most in bounds.items():
            self._loads.setdefault(name, _Load(most)).under_way += 1
        return True

    def tried(self, names: Iterable[str], *, failed: bool) -> None:
        """The outcome of one that is still counted."""
        for name in names:
            self._loads[name].failing = failed

    def end(self, names: Iterable[str]) -> None:
        """Count one less for each name."""
        for name in names:
            self._loads[name].under_way -= 1
            if not self._loads[name].under_way:
                del self._loads[name]

    def failing(self, names: Iterable[str]) -> bool:
        """Whether one of the busy ones will stay so: its last try failed."""
        return any(load.failing for load in self._busy(names))

    def _busy(self, names: Iterable[str]) -> list[_Load]:
        known = [self._loads[name] for name in names if name in self._loads]
        return [load for load in known if load.under_way >= load.most]
