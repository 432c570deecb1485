"""Measures in turns, so that a slow minute affects all, and checks every output."""

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
    """Return the result of a measurement, or why it was not possible."""
    try:
        return measure()
    except NotMeasured as problem:
        return not_measured(name, unit, goal, str(problem))


def rates(name: str, ours: Ran, peer: Ran, peer_name: str, goal: Goal) -> Result:
    """Return our rows per second compared with a peer's."""
    return compared(name, "rows/s", ours.rows_per_s, peer.rows_per_s, peer_name, ours.peak_mb, goal)


def processor_rates(name: str, ours: Ran, peer: Ran, peer_name: str, goal: Goal) -> Result:
    """Return our rows per processor second compared with a peer's. These do not depend on other load."""
    our_rate, peer_rate = (ran.rows / ran.processor_s for ran in (ours, peer))
    unit = "rows/processor s"
    return compared(f"{name}_processor", unit, our_rate, peer_rate, peer_name, ours.peak_mb, goal)


def in_turns(measures: dict[str, Measure], absent: list[str] | None = None) -> dict[str, Ran]:
    """Return the fastest of up to five runs of each measurement, with the least processor time of any of its runs.

    The measurements are made one after the other, so that a slow minute affects all of them; fewer are made if they
    take long. Before each run everything is written to the disk, since some programs wait for their file to be written
    and others leave that to the next one. The output of the last run is checked.

    Raises NotMeasured for the first that cannot run; with `absent` it is left out and the reason is added there.
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
    """Check an output, and delete it.

    It must have the rows of the first `count` parts, by default of as many as it has rows for. Raises
    checks.WrongOutput.
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
