"""The results, as a table and as build/bench.json."""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal. `text` describes it; `reached` decides from the ratio and our peak memory in MB."""

    text: str
    reached: Callable[[float, float], bool]


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table.

    `ratio` is ours/peer. `ok` is None if there is no goal or nothing was measured; then `peer_name` says why. `rss_mb`
    is our peak memory in MB (10^6 bytes).
    """

    name: str
    unit: str
    ours: float | None
    peer: float | None
    peer_name: str
    ratio: float | None
    goal: str
    ok: bool | None
    rss_mb: float | None


def at_least(ratio: float, rss_mb: float = float("inf")) -> Goal:
    """Return the goal that the ratio is at least `ratio`, and our memory at most `rss_mb`."""
    memory = "" if rss_mb == float("inf") else f" and <= {rss_mb:g} MB"
    return Goal(f">= {ratio:g}{memory}", lambda found, rss: found >= ratio and rss <= rss_mb)


def at_most(ratio: float, rss_mb: float = float("inf")) -> Goal:
    """Return the goal that the ratio is at most `ratio`, and our memory at most `rss_mb`."""
    memory = "" if rss_mb == float("inf") else f" and <= {rss_mb:g} MB"
    return Goal(f"<= {ratio:g}{memory}", lambda found, rss: found <= ratio and rss <= rss_mb)


def compared(  # noqa: PLR0917
    name: str, unit: str, ours: float, peer: float, peer_name: str, rss_mb: float | None, goal: Goal
) -> Result:
    """Return our result compared with a peer's. `rss_mb` is None if memory is not part of the comparison."""
    ratio, memory_mb = ours / peer, None if rss_mb is None else _short(rss_mb)
    ok = goal.reached(ratio, rss_mb or 0.0)
    return Result(name, unit, _short(ours), _short(peer), peer_name, _short(ratio), goal.text, ok, memory_mb)


def alone(name: str, unit: str, ours: float, rss_mb: float) -> Result:
    """Return our result without a peer."""
    return Result(name, unit, _short(ours), None, "", None, "", None, _short(rss_mb))


def judged(name: str, unit: str, ours: float, goal: str, *, ok: bool, beside: str) -> Result:
    """Return our result compared with a fixed limit."""
    return Result(name, unit, _short(ours), None, beside, None, goal, ok, None)


def not_measured(name: str, unit: str, goal: Goal, why: str) -> Result:
    """Return that something could not be measured, and why."""
    return Result(name, unit, None, None, f"not measured: {why}", None, goal.text, None, None)


def machine() -> dict[str, object]:
    """Return a description of the machine."""
    libraries = ("duckdb", "polars", "pyarrow", "openpyxl")
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mb": round(psutil.virtual_memory().total / 1e6),
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
    }


def write(results: list[Result], path: Path) -> None:
    """Write the results as JSON, replacing an existing file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "results": [asdict(result) for result in results]}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def show(results: list[Result]) -> None:
    """Print the results as a table."""
    table = Table("what", "ours", "peer", "unit", "ratio", "goal", "", "MB", "beside")
    for r in results:
        mark = {True: "[green]yes", False: "[red]no", None: "-"}[r.ok]
        numbers = (_shown(r.ours), _shown(r.peer), r.unit, _shown(r.ratio))
        table.add_row(r.name, *numbers, r.goal, mark, _shown(r.rss_mb), r.peer_name)
    Console(width=None if Console().is_terminal else 150).print(table)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _short(number: float) -> float:
    """Round to four digits, which is the precision of the measurements."""
    return float(f"{number:.4g}")


def _shown(number: float | None) -> str:
    return "-" if number is None else f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
