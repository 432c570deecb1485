"""Keeps one service running, however it ends, as systemd or Kubernetes do in production."""

import asyncio
import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import psutil

from demo.processes import DidNotStart

STARTUP_TIMEOUT_S = 300.0
"""Long enough for a slow and busy machine on which many processes start at once.

That would be no fault of a service.
"""

_PAUSE_S = 0.2
"""Pause before a process that did not start is started again."""


class Process(Protocol):
    """A process of exportd, or of a server that exportd needs."""

    @property
    def pid(self) -> int: ...

    def wait_started(self, timeout_s: float) -> object:
        """Raises DidNotStart."""
        ...

    def send(self, number: signal.Signals) -> None: ...

    def terminate(self) -> int:
        """Stop it in order. Returns the exit status."""
        ...

    def kill(self) -> int:
        """Kill it. Returns the exit status."""
        ...


class Supervisor:
    """Runs one process at a time, and starts it again when it has ended.

    `spawn` starts a process. `unexpected_exits` records what nobody caused: exit statuses of processes that ended by
    themselves, and why a process did not start, with the end of its log. If `excused_since`, called with the time
    (monotonic) of the start, says that something it needs was broken since then (a disk full, a server down), the
    reason is recorded in `excused_starts` instead. `down_until` is the time when it served again after the last
    ending: infinity while it does not serve, 0 if it was never ended.
    """

    def __init__(self, name: str, spawn: Callable[[], Process], excused_since: Callable[[float], bool]) -> None:
        self.name = name
        self.down_until = 0.0
        self.unexpected_exits: list[str] = []
        self.excused_starts: list[str] = []
        self._excused_since = excused_since
        self._spawn = spawn
        self._process: Process | None = None
        self._serving = asyncio.Event()
        self._ended = asyncio.Event()
        self._restart_after_s = self._began = 0.0
        self._meant = self._has_served = False
        self._supervision: asyncio.Task[None] | None = None
        self._stopped: set[int] = set()

    async def start(self) -> None:
        """Start the first process and supervise it from now on. Returns when it serves. Raises DidNotStart."""
        self._supervision = asyncio.create_task(self._supervise())
        serving = asyncio.create_task(self.serving())
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not serving.done():
            serving.cancel()
            raise DidNotStart(self.unexpected_exits[0])
        await serving

    async def serving(self, timeout_s: float = STARTUP_TIMEOUT_S) -> None:
        """Wait until a process serves. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            await self._serving.wait()

    def kill(self, restart_after_s: float) -> bool:
        """Send SIGKILL; return False if no process is running."""
        return self._end(signal.SIGKILL, restart_after_s)

    def terminate(self, restart_after_s: float) -> bool:
        """Send SIGTERM; return False if no process is running."""
        return self._end(signal.SIGTERM, restart_after_s)

    def children(self) -> list[psutil.Process]:
        """Return the children of the process, oldest first; none if it is not running."""
        with suppress(psutil.Error):
            if self._process and not self._ended.is_set():
                return sorted(psutil.Process(self._process.pid).children(recursive=True), key=lambda child: child.pid)
        return []

    def processes(self) -> list[psutil.Process]:
        """Return the process and its children."""
        with suppress(psutil.Error):
            if self._process and not self._ended.is_set():
                return [psutil.Process(self._process.pid), *self.children()]
        return []

    def stop(self, pids: list[int]) -> None:
        """Send SIGSTOP to some of the processes. They stay suspended until `go_on`."""
        for pid in pids:
            self._stopped.add(pid)
            _send(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Send SIGCONT to all suspended processes. Idempotent."""
        while self._stopped:
            _send(self._stopped.pop(), signal.SIGCONT)

    async def close(self) -> None:
        """End the process permanently with SIGTERM, or with SIGKILL if that takes too long."""
        self.go_on()
        if self._supervision is None:
            return
        self._supervision.cancel()
        await asyncio.gather(self._supervision, return_exceptions=True)
        if self._process is not None:
            await asyncio.to_thread(self._process.terminate)

    def _end(self, how: signal.Signals, restart_after_s: float) -> bool:
        if self._process is None or self._ended.is_set():
            return False
        self._meant, self._restart_after_s = True, restart_after_s
        self._serving.clear()
        self.down_until = math.inf
        self._process.send(how)
        return True

    async def _supervise(self) -> None:
        while True:
            self._ended.clear()
            self._meant = self._has_served = False
            self._process, self._began = self._spawn(), time.monotonic()
            await asyncio.gather(self._announce(self._process), self._end_of(self._process.pid))
            self._ended.set()
            self._serving.clear()
            status = await asyncio.to_thread(self._process.kill)  # it has ended: this only returns its status
            if self._has_served and not self._meant:
                self.unexpected_exits.append(f"{self.name} ended by itself with status {status}")
            await asyncio.sleep(self._restart_after_s if self._meant else _PAUSE_S)

    async def _announce(self, process: Process) -> None:
        try:
            await asyncio.to_thread(process.wait_started, STARTUP_TIMEOUT_S)
        except DidNotStart as problem:
            if not self._meant:
                (self.excused_starts if self._excused_since(self._began) else self.unexpected_exits).append(
                    f"{self.name}: {problem}"
                )
        else:
            self._has_served = True
            if not self._meant:
                self._serving.set()
                self.down_until = time.monotonic() if self.down_until else 0.0

    @staticmethod
    async def _end_of(pid: int) -> None:
        """Wait until the process has ended, without taking its exit status from its owner."""
        ended, handle = asyncio.Event(), os.pidfd_open(pid)
        loop = asyncio.get_running_loop()
        loop.add_reader(handle, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)


def _send(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)
