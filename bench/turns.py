"""Measuring: in turns, so that a slow minute hits everybody, and never without a look at the output."""

import os
import time
from collections.abc import Callable
from dataclasses import replace

from bench import checks
from bench.peer import NotMeasured, Ran
from bench.report import Goal, Result, compared, not_measured
from bench.workload import PART_ROWS, folder, parts

PASSWORD = "correct horse battery staple"  # noqa: S105 - it guards invented rows
_RUNS = 5
_ENOUGH_S = 25.0

Measure = Callable[[], Ran]


def guarded(name: str, goal: Goal, measure: Callable[[], Result], unit: str = "rows/s") -> Result:
    """What was measured, or why it could not be."""
    try:
        return measure()
    except NotMeasured as problem:
        return not_measured(name, unit, goal, str(problem))


def rates(name: str, ours: Ran, peer: Ran, peer_name: str, goal: Goal) -> Result:
    """Rows a second beside a peer's."""
    return compared(name, "rows/s", ours.rows_per_s, peer.rows_per_s, peer_name, ours.peak_mb, goal)


def processor_rates(name: str, ours: Ran, peer: Ran, peer_name: str, goal: Goal) -> Result:
    """Rows a second of a processor beside a peer's: what a busy machine shows as well as a quiet one."""
    our_rate, peer_rate = (ran.rows / ran.processor_s for ran in (ours, peer))
    unit = "rows/processor s"
    return compared(f"{name}_processor", unit, our_rate, peer_rate, peer_name, ours.peak_mb, goal)


def in_turns(measures: dict[str, Measure], absent: list[str] | None = None) -> dict[str, Ran]:
    """The fastest of up to five runs of each, with the least processor time of any, one after the other so that a slow
    minute hits all of them; fewer when they take long. Each begins with nothing left to be written to the disk, for
    some of them wait until their file is there, and others leave that to whoever is next. The output of the last run is
    checked.

    Raises NotMeasured with the first that can't run; with `absent` it is left away and why is added there.
    """
    started = time.monotonic()
    best = _first_round(measures, absent)
    for _ in range(_RUNS - 1):
        if time.monotonic() - started < _ENOUGH_S:
            best = {name: _better(ran, _settled(measures[name])) for name, ran in best.items()}
    for ran in best.values():
        check(ran)
    return best


def _better(one: Ran, other: Ran) -> Ran:
    fastest = min(one, other, key=lambda ran: ran.seconds)
    return replace(fastest, processor_s=min(one.processor_s, other.processor_s))


def check(ran: Ran, count: int | None = None) -> None:
    """Whether an output is right; then it is removed. It has the rows of the first `count` parts, by default of as many
    as it has rows for. Raises checks.WrongOutput.
    """
    password = PASSWORD if ran.output.stem == "locked" else ""
    output = checks.unpacked(ran.output, password) if ran.output.suffix == ".zip" else ran.output
    checks.check(output, parts(folder() / "rows", count or max(1, ran.rows // PART_ROWS)), ran.rows)
    for path in {output, ran.output}:
        path.unlink()


def _first_round(measures: dict[str, Measure], absent: list[str] | None) -> dict[str, Ran]:
    found = {}
    for name, measure in measures.items():
        try:
            found[name] = _settled(measure)
        except NotMeasured as problem:
            if absent is None:
                raise
            absent.append(str(problem))
    return found


def _settled(measure: Measure) -> Ran:
    os.sync()
    return measure()
