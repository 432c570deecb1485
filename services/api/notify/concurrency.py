"""Counts the deliveries in progress of each receiver and each tenant, within bounds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class _Load:
    """The deliveries in progress of one name. `failing` says whether the last attempt that ended failed."""

    most: int
    under_way: int = 0
    failing: bool = False


class Loads:
    """Counts deliveries in progress. One delivery counts for several names, each with its own limit."""

    def __init__(self) -> None:
        self._loads: dict[str, _Load] = {}

    def begin(self, bounds: Mapping[str, int]) -> bool:
        """Count one more for each name. Return False, without counting, if one of them has reached its limit."""
        if self._busy(bounds):
            return False
        for name, most in bounds.items():
            self._loads.setdefault(name, _Load(most)).under_way += 1
        return True

    def tried(self, names: Iterable[str], *, failed: bool) -> None:
        """Record the outcome of a delivery that is still counted."""
        for name in names:
            self._loads[name].failing = failed

    def end(self, names: Iterable[str]) -> None:
        """Count one less for each name."""
        for name in names:
            self._loads[name].under_way -= 1
            if not self._loads[name].under_way:
                del self._loads[name]

    def failing(self, names: Iterable[str]) -> bool:
        """Whether one of the names at their limit will stay there, because its last attempt failed."""
        return any(load.failing for load in self._busy(names))

    def _busy(self, names: Iterable[str]) -> list[_Load]:
        known = [self._loads[name] for name in names if name in self._loads]
        return [load for load in known if load.under_way >= load.most]
