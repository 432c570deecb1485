"""A pool of warm child processes, one order at a time each.

A library's pool shares one pipe and its locks among all children, so that one killed at the wrong moment delays its
neighbours, and it reports a job as cancelled before its process is gone. Here each child has a pipe of its own, and
whoever stops an order gets control back when the process is dead: what it wrote can be removed safely.
"""

import asyncio
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import wait as wait_for_any
from multiprocessing.context import ForkServerContext
from types import TracebackType
from typing import Any, Self, overload

from services.contract.codes import FailureCode
from services.contract.outcome import Failure, Progress
from services.runtime import logs
from services.runtime.startup import CannotStart
from services.worker import progress
from services.worker.child import main as child
from services.worker.order import Answer, NotWarm, Order, Outcome, PreviewOrder, ProbeOrder, Run, Shown, Work
from services.worker.supervisor import forkserver

_RESPAWN_PAUSE_S = 1.0
_PROCESSES = threading.Lock()
"""multiprocessing reaps every dead child when it starts one; a thread that asks for an exit code then gets 255."""


class ChildDied(Exception):
    """The process ended before it answered. `exit_code` is negative for a signal."""

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class ChildNotWarm(Exception):
    """The process could not get ready; the message says why."""


class Child:
    """One process. Its methods block, except `kill` and `reports`."""

    def __init__(self, context: ForkServerContext, run: Run, warm: Callable[[], None]) -> None:
        """Start it and wait until it is warm. Raises ChildDied, ChildNotWarm."""
        self.lost_lines = 0
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
        try:
            self._become_warm()
        except (ChildDied, ChildNotWarm):
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """False once the process has ended, for whatever reason."""
        return not _readable(self._handle)

    def do(self, order: Work) -> Any:
        """What comes of an order. Raises ChildDied."""
        try:
            self._orders.send(order)
        except OSError:
            raise ChildDied(self.bury()) from None
        answer: Answer = self._answer()
        self.lost_lines = answer.lost_lines
        return answer.outcome

    def reports(self) -> Iterator[Progress]:
        """Progress that has arrived."""
        return progress.heard(self.hear)

    def kill(self) -> None:
        """Begin to end it; repeated: nothing."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def bury(self) -> int | None:
        """Wait for its end; the exit code, None when that is not known."""
        wait_for_any([self._handle])
        with _PROCESSES:
            self._process.join()
            return self._process.exitcode

    def close(self) -> None:
        """Give back what a dead child leaves."""
        self._orders.close()
        self.hear.close()
        os.close(self._handle)

    def _become_warm(self) -> None:
        answer = self._answer()
        if isinstance(answer, NotWarm):
            self.bury()
            raise ChildNotWarm(answer.why)

    def _answer(self) -> Any:
        """Its next message; one that it sent before it died counts."""
        try:
            if self._orders in wait_for_any([self._orders, self._handle]):
                return self._orders.recv()
        except (EOFError, OSError):
            self.kill()  # without its pipe it is of no use
        raise ChildDied(self.bury())


class Pool:
    """`size` warm children; `async with` owns them. `run` and `warm` must be importable by name."""

    def __init__(self, size: int, run: Run, warm: Callable[[], None], preload: list[str]) -> None:
        """`preload` names modules that children find imported already. Raises CannotStart."""
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
        except BaseException as problem:  # nobody else ends what did start
            await asyncio.to_thread(self._bury_all)
            if isinstance(problem, (ChildDied, ChildNotWarm, OSError, EOFError)):
                raise CannotStart(f"a process for jobs did not start: {_why(problem)}") from problem
            raise
        return self

    @property
    def lost_lines(self) -> int:
        """Lines of the log that children could not write, as far as they have told."""
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
        while self._at_work:  # whoever gave the order gives its child back, and hears of its end
            self._all_back.clear()
            await self._all_back.wait()
        await asyncio.to_thread(self._bury_all)

    @overload
    async def run(self, order: Order, heard: Callable[[Progress], None]) -> Outcome: ...

    @overload
    async def run(self, order: PreviewOrder | ProbeOrder, heard: Callable[[Progress], None]) -> Shown: ...

    async def run(self, order: Work, heard: Callable[[Progress], None]) -> Outcome | Shown:
        """What comes of an order, a failure when its process dies.

        `heard` is called with each report. Cancelling this call kills the process; it is dead when the call is over.
        """
        one = await self._living()
        self._at_work.add(one)
        loop = asyncio.get_running_loop()
        for _ in one.reports():  # of the last order
            pass
        loop.add_reader(one.hear.fileno(), _hear, one, heard)
        try:
            outcome: Outcome | Shown = await self._uncut(one, order)
        except ChildDied as died:
            return crashed(died.exit_code)
        else:
            return outcome
        finally:
            loop.remove_reader(one.hear.fileno())
            self._at_work.discard(one)
            self._give_back(one)
            self._all_back.set()

    async def _living(self) -> Child:
        """An idle child; one that died idle is replaced."""
        while not (one := await self._idle.get()).alive:
            self._give_back(one)
        return one

    async def _uncut(self, one: Child, order: Work) -> Any:
        """As `Child.do`; a cancelled caller leaves only when the process is dead."""
        doing = asyncio.get_running_loop().run_in_executor(self._threads, one.do, order)
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
            return  # whoever closes the pool buries it
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
                await asyncio.sleep(_RESPAWN_PAUSE_S)  # whatever is short now (memory, processes) needs time

    async def _spawn(self) -> None:
        self._idle.put_nowait(await asyncio.get_running_loop().run_in_executor(self._threads, self._start))

    def _start(self) -> Child:
        """In a thread, which a cancelled respawn does not stop: so the child is noted here."""
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
    """What the end of a child means for its job."""
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


def _readable(handle: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))
