"""Measured figures and their goals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value in `unit`. `goal` is an upper limit, or a lower limit with `at_least`; None: there is no goal.

    `more` describes the conditions of the measurement.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether the goal is reached, if there is one."""
        return self.goal is None or (self.value >= self.goal if self.at_least else self.value <= self.goal)

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        goal = "" if self.goal is None else f" (goal {sign} {self.goal:g}{'' if self.met else ', MISSED'})"
        more = ", ".join(f"{name} {value}" for name, value in self.more.items())
        return f"{self.name}: {self.value:,.3g} {self.unit}{goal}{'; ' if more else ''}{more}"

    def as_json(self) -> dict[str, Any]:
        """Return the figure as in build/chaos-measure.json."""
        return {"value": round(self.value, 4), "unit": self.unit, "goal": self.goal, "met": self.met, **self.more}


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that `percent` percent of the values do not exceed. Raises IndexError for no values."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def memory_mb(process: psutil.Process) -> float:
    """Return the resident memory of a process in MB (10^6 bytes)."""
    return float(process.memory_info().rss) / 1e6
