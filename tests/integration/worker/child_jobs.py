"""Jobs that misbehave, for children: each does what the collection of its spec is called."""

import os
import signal
import sys
import time

from services.contract.outcome import Built, Phase, Progress
from services.worker import job
from services.worker.order import Order, Outcome, Report


def warm() -> None:
    pass


def run(order: Order, report: Report) -> Outcome:
    report(Progress(Phase.READING, rows_written=7))
    misdeed = order.job.spec.collection
    (order.spool / "half").write_bytes(b"unfinished")
    if misdeed == "spin":
        while True:
            pass
    if misdeed == "tick":
        while True:
            report(Progress(Phase.WRITING, rows_written=8))
            time.sleep(0.02)  # far less than any timeout, far more than nothing
    if misdeed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if misdeed == "abort":
        os.abort()
    if misdeed == "exit":
        os._exit(137)
    if misdeed == "sys-exit":
        sys.exit(3)
    if misdeed == "raise":
        raise RuntimeError("secret-in-exception")
    if misdeed == "environment":
        with open("/proc/self/environ") as block:
            raise AssertionError(block.read() + repr(dict(os.environ)))
    return job.run(order, report)


def run_slowly(order: Order, report: Report) -> Outcome:
    time.sleep(0.5)  # long enough to be seen at work
    outcome = job.run(order, report)
    assert isinstance(outcome, Built)
    return outcome
