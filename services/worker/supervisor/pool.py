"""A pool of warm child processes. Each works on one order at a time.

The pools of Python's library share one pipe and its locks among all children, so a child that is killed at the wrong
moment can block the others; they also report a job as cancelled before its process has ended. Here each child has a
pipe of its own, and a cancelled call returns only when the process is dead, so that what it wrote can be deleted
safely.
"""

import asyncio
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from multiprocessing.connection import wait as wait_for_any
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import ForkingPickler
from types import TracebackType
from typing import Any, Self, overload

from services.contract.codes import FailureCode
from services.contract.outcome import Failure, Progress
from services.contract.spec import JobSpec
from services.runtime import logs
from services.runtime.startup import CannotStart
from services.worker import progress, sent_specs
from services.worker.child import main as child
from services.worker.order import Answer, NotWarm, Order, Outcome, PreviewOrder, ProbeOrder, Run, Shown, Work
from services.worker.stages import Stage
from services.worker.supervisor import forkserver

ForkingPickler.register(JobSpec, sent_specs.reduced)

Measured = Callable[[tuple[Stage, ...]], None]
Ordering = Callable[[], AbstractContextManager[Order]]
"""What makes an order ready: entered before the child gets it, left when the child has answered or is dead.

Both are done by a thread.
"""

HEAR_AFTER_S = 0.1
"""How long the reports of a child wait to be heard. Small work has ended by then, and they would wake the loop."""

_RESPAWN_PAUSE_S = 1.0
_PROCESSES = threading.Lock()
"""Serialises starts and joins.

When multiprocessing starts a child, it reaps every dead one, and a thread that asks for an exit code at that time gets
255.
"""


def _unmeasured(_: tuple[Stage, ...]) -> None:
    """Do nothing with stages."""


class ChildDied(Exception):
    """The process ended before it answered. `exit_code` is negative for a signal and None when it is not known."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class ChildNotWarm(Exception):
    """The warm-up of the process failed. The message says why."""


class Child:
    """One child process. Its methods block, except `kill` and `reports`."""

    def __init__(self, context: ForkServerContext, run: Run, warm: Callable[[], None]) -> None:
        """Start the process and wait until it is warm. Raises ChildDied or ChildNotWarm."""
        self.lost_lines = 0
        self.stages: tuple[Stage, ...] = ()
        self._orders, theirs = context.Pipe()
        self.hear, tell = progress.pair()
        self._process = context.Process(
            target=child.main, args=(run, warm, theirs, tell, os.getpid()), daemon=True, name="exportd-job"
        )
        with _PROCESSES, forkserver.group_signals_blocked():
            self._process.start()
        theirs.close()
        tell.close()
        self._handle = _handle_of(self._process.pid)
        self._ended, self._answered = _polling(self._handle), _polling(self._handle, self._orders.fileno())
        try:
            self._become_warm()
        except (ChildDied, ChildNotWarm):
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """False once the process has ended for any reason."""
        return not self._ended.poll(0)

    def do(self, order: Work) -> Any:
        """Send an order and return its outcome. Raises ChildDied."""
        try:
            self._orders.send(order)
        except OSError:
            raise ChildDied(self.bury()) from None
        answer: Answer = self._answer()
        self.lost_lines, self.stages = answer.lost_lines, answer.stages
        return answer.outcome

    def reports(self) -> Iterator[Progress]:
        """Yield the progress reports that have arrived."""
        return progress.heard(self.hear)

    def kill(self) -> None:
        """Send SIGKILL without waiting. Repeated calls do nothing."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def bury(self) -> int | None:
        """Wait for the end of the process. Return the exit code, or None when it is not known."""
        wait_for_any([self._handle])
        with _PROCESSES:
            self._process.join()
            return self._process.exitcode

    def close(self) -> None:
        """Close the pipes and the handle of a dead child."""
        self._orders.close()
        self.hear.close()
        os.close(self._handle)

    def _become_warm(self) -> None:
        answer = self._answer()
        if isinstance(answer, NotWarm):
            self.bury()
            raise ChildNotWarm(answer.why)

    def _answer(self) -> Any:
        """Return the child's next message, including one that it sent just before it died. Raises ChildDied."""
        try:
            if any(ready == self._orders.fileno() for ready, _ in self._answered.poll()):
                return self._orders.recv()
        except (EOFError, OSError):
            self.kill()  # a child without its pipe is of no use
        raise ChildDied(self.bury())


class Pool:
    """`size` warm children. `async with` starts and ends them. `run` and `warm` must be importable by name."""

    def __init__(self, size: int, run: Run, warm: Callable[[], None], preload: list[str]) -> None:
        """`preload` names the modules that are imported before children are forked. Raises CannotStart."""
        self._size = size
        self._make = (forkserver.context(preload), run, warm)
        self._lines_lost_by_dead = 0
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="exportd-child")
        self._idle: asyncio.LifoQueue[Child] = asyncio.LifoQueue()
        self._children: set[Child] = set()
        self._at_work: set[Child] = set()
        self._all_back = asyncio.Event()
        self._respawns: set[asyncio.Task[None]] = set()
        self._closing = False

    async def __aenter__(self) -> Self:
        try:
            await asyncio.gather(*(self._spawn() for _ in range(self._size)))
        except BaseException as problem:  # no other code ends the children that did start
            await asyncio.to_thread(self._bury_all)
            if isinstance(problem, (ChildDied, ChildNotWarm, OSError, EOFError)):
                raise CannotStart(f"a process for jobs did not start: {_why(problem)}") from problem
            raise
        return self

    @property
    def lost_lines(self) -> int:
        """Number of log lines that children could not write, as far as they have reported."""
        return self._lines_lost_by_dead + sum(one.lost_lines for one in self._children)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        for respawn in self._respawns:
            respawn.cancel()
        await asyncio.gather(*self._respawns, return_exceptions=True)
        for one in self._children:
            one.kill()
        while self._at_work:  # run() gives each busy child back when it has learned of its end
            self._all_back.clear()
            await self._all_back.wait()
        await asyncio.to_thread(self._bury_all)

    @overload
    async def run(
        self, order: Order | Ordering, heard: Callable[[Progress], None], measured: Measured = ...
    ) -> Outcome: ...

    @overload
    async def run(self, order: PreviewOrder | ProbeOrder, heard: Callable[[Progress], None]) -> Shown: ...

    async def run(
        self, order: Work | Ordering, heard: Callable[[Progress], None], measured: Measured = _unmeasured
    ) -> Outcome | Shown:
        """Carry out an order in a child. Return its outcome, or a failure when the process dies.

        `heard` is called with the progress reports of work that lasts, `measured` with the stages of the work when it
        has ended. Errors of an Ordering are raised. Cancelling this call kills the process; when the call returns, the
        process is dead.
        """
        one = await self._living()
        self._at_work.add(one)
        loop = asyncio.get_running_loop()
        for _ in one.reports():  # discard reports of the last order
            pass
        hearing = loop.call_later(HEAR_AFTER_S, loop.add_reader, one.hear.fileno(), _hear, one, heard)
        try:
            outcome: Outcome | Shown = await self._uncut(one, order)
        except ChildDied as died:
            return crashed(died.exit_code)
        else:
            measured(one.stages)
            return outcome
        finally:
            hearing.cancel()
            loop.remove_reader(one.hear.fileno())
            self._at_work.discard(one)
            self._give_back(one)
            self._all_back.set()

    async def _living(self) -> Child:
        """Return an idle child. Children that died while idle are replaced."""
        while not (one := await self._idle.get()).alive:
            self._give_back(one)
        return one

    async def _uncut(self, one: Child, order: Work | Ordering) -> Any:
        """Run `Child.do`. A cancelled call returns only when the process is dead."""

        def do() -> Any:
            with order() if callable(order) else nullcontext(order) as ready:
                return one.do(ready)

        doing = asyncio.get_running_loop().run_in_executor(self._threads, do)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            one.kill()
            while not doing.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([doing])
            doing.exception()
            raise

    def _give_back(self, one: Child) -> None:
        if self._closing:
            return  # __aexit__ ends the child
        if one.alive:
            self._idle.put_nowait(one)
            return
        self._children.discard(one)
        self._lines_lost_by_dead += one.lost_lines
        one.close()
        respawn = asyncio.create_task(self._respawn())
        self._respawns.add(respawn)
        respawn.add_done_callback(self._respawns.discard)

    async def _respawn(self) -> None:
        while True:
            try:
                return await self._spawn()
            except (ChildDied, ChildNotWarm, OSError, EOFError) as raised:
                logs.get().error("child_not_started", cause=logs.outline(raised))
                await asyncio.sleep(_RESPAWN_PAUSE_S)  # memory or process slots may be short and need time to recover

    async def _spawn(self) -> None:
        self._idle.put_nowait(await asyncio.get_running_loop().run_in_executor(self._threads, self._start))

    def _start(self) -> Child:
        """Start a child. Cancelling a respawn does not stop this thread, so the child is registered here."""
        one = Child(*self._make)
        self._children.add(one)
        return one

    def _bury_all(self) -> None:
        self._threads.shutdown()
        for one in self._children:
            one.kill()
            one.bury()
            one.close()


def crashed(exit_code: int | None) -> Failure:
    """Return the failure of a job whose child ended."""
    return Failure(FailureCode.WORKER_CRASHED, f"the process that built the file ended {_how(exit_code)}")


def _how(exit_code: int | None) -> str:
    if exit_code is None:
        return "for a reason unknown"
    return f"by signal {-exit_code}" if exit_code < 0 else f"with exit code {exit_code}"


def _why(problem: BaseException) -> str:
    if isinstance(problem, ChildDied):
        return f"it ended {_how(problem.exit_code)}"
    return str(problem) or type(problem).__name__


def _hear(one: Child, heard: Callable[[Progress], None]) -> None:
    for report in one.reports():
        heard(report)


def _handle_of(pid: int | None) -> int:
    try:
        return os.pidfd_open(pid or 0)
    except OSError:
        raise ChildDied(None) from None


def _polling(*handles: int) -> select.poll:
    poll = select.poll()
    for handle in handles:
        poll.register(handle, select.POLLIN)
    return poll
