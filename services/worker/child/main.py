"""The main function of a child: it works on one order after the other until its supervisor ends."""

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from services.contract.codes import FailureCode
from services.contract.outcome import Failure
from services.runtime import logs, resources, stderr
from services.runtime.interpreter import garbage
from services.runtime.tracing.context import carried
from services.worker import stages
from services.worker.order import Answer, NotWarm, Order, Outcome, Report, Run, Shown, Work
from services.worker.progress import Teller

if TYPE_CHECKING:
    from multiprocessing.connection import Connection  # generic in its stub only

READY = "ready"


def main(
    run: Run,
    warm: Callable[[], None],
    orders: "Connection[Answer | NotWarm | str, Work]",
    tell: socket.socket,
    supervisor: int,
) -> None:
    """Warm up, send READY or why that failed, then answer each order with its outcome."""
    stderr.install()
    _outlive_only(supervisor)
    _be_first_when_memory_is_short()
    _leave_signals_to_supervisor()
    resources.keep_memory(resources.OF_JOBS)
    try:
        warm()
    except Exception as problem:  # noqa: BLE001 - the operator who starts the worker is told of any error
        orders.send(NotWarm(f"{type(problem).__name__}: {problem}"))
        return
    garbage.spare_present()
    report = Teller(tell)
    orders.send(READY)
    leftovers = garbage.Leftovers()
    while True:
        try:
            order = orders.recv()
            taken, began = stages.begin(), time.monotonic()
            outcome = _outcome(run, order, report)
            orders.send(Answer(outcome, stderr.lost_lines(), tuple(taken)))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        leftovers.of_work(time.monotonic() - began)  # the memory of an attempt is freed before the next one begins


def _outcome(run: Run, order: Work, report: Report) -> Outcome | Shown:
    logs.begin(**_log_fields(order))
    try:
        return run(order, report)
    except BaseException as broken:  # noqa: BLE001 - SystemExit must fail the job, not end the process
        logs.get().error("job_crashed", reference=order.reference, cause=logs.outline(broken))
        return internal(order.reference)


def _log_fields(order: Work) -> dict[str, str]:
    trace = carried(order.job.trace) if isinstance(order, Order) else None
    return {"trace_id": trace.trace_id} if trace else {}


def internal(reference: str) -> Failure:
    """Return the failure that callers see after an unexpected error."""
    return Failure(FailureCode.INTERNAL, f"internal error, reference {reference}")


def _leave_signals_to_supervisor() -> None:
    """Ignore SIGINT and SIGTERM.

    A terminal and a service manager signal the whole group, and only the supervisor can decide whether a job may go on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _be_first_when_memory_is_short() -> None:
    """Make the kernel end this process first when memory is short.

    If it ended the supervisor, the other jobs would end as well.
    """
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _outlive_only(supervisor: int) -> None:
    """End this process when `supervisor` ends, however it ends."""
    try:
        handle = os.pidfd_open(supervisor)
    except ProcessLookupError:
        os._exit(1)
    threading.Thread(target=_end_with, args=(handle,), daemon=True, name="supervisor-watch").start()


def _end_with(handle: int) -> None:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.poll()
    os.kill(os.getpid(), signal.SIGKILL)
