"""Jobs that misbehave, for children: each does what the collection of its spec is called."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from services.contract.outcome import Built, Phase, Progress
from services.runtime import logs
from services.worker.child import dispatch as work
from services.worker.child import job
from services.worker.order import Order, Outcome, PreviewOrder, ProbeOrder, Report, Shown, Work


def gate_of(root: Path) -> Path:
    """What is there once `run_when_let_go` may begin: beside the folder of the artifacts."""
    return root.parent / "go"


def warm() -> None:
    logs.configure("worker", "json")


def warm_and_note(started: Path) -> None:
    """Leave a line for each child."""
    with started.open("a") as note:
        note.write(f"{os.getpid()}\n")


def run(order: Work, report: Report) -> Outcome | Shown:
    if isinstance(order, PreviewOrder):
        MISDEEDS.get(order.spec.collection, lambda _: None)(report)
        return work.run(order, report)
    if isinstance(order, ProbeOrder):
        return work.run(order, report)
    report(Progress(Phase.READING, rows_written=7))
    misdeed = MISDEEDS.get(order.job.spec.collection)
    if misdeed is not None:
        (order.scratch / "half").write_bytes(b"unfinished")
        misdeed(report)
    return job.run(order, report)


def run_when_let_go(order: Work, report: Report) -> Outcome | Shown:
    if not isinstance(order, Order):
        return work.run(order, report)
    while not gate_of(order.artifacts.root).exists():
        time.sleep(0.01)  # between two looks
    outcome = job.run(order, report)
    assert isinstance(outcome, Built)
    return outcome


def _spin(_: Report) -> None:
    while True:
        pass


def _tick(report: Report) -> None:
    while True:
        report(Progress(Phase.WRITING, rows_written=8))
        time.sleep(0.02)  # far less than any timeout, far more than nothing


def _tell_once(report: Report) -> None:
    report(Progress(Phase.WRITING, rows_written=8))


def _raise(_: Report) -> None:
    raise RuntimeError("secret-in-exception")


def _lose_two_lines(_: Report) -> None:
    """The log of this process goes to a disk that is full."""
    os.dup2(os.open("/dev/full", os.O_WRONLY), sys.stderr.fileno())
    for event in ("first", "second"):
        logs.get().warning(event)


MISDEEDS: dict[str, Callable[[Report], object]] = {
    "tell-once": _tell_once,
    "spin": _spin,
    "tick": _tick,
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "abort": lambda _: os.abort(),
    "exit": lambda _: os._exit(137),
    "sys-exit": lambda _: sys.exit(3),
    "raise": _raise,
    "lose-two-lines": _lose_two_lines,
}
