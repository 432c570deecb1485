"""A server that is not part of exportd, as a process: started, polled until it answers, and stopped."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from demo.processes import START_TIMEOUT_S, STOP_TIMEOUT_S, DidNotStart

_LOOK_S = 0.05

_AS_USER = """
import os, pwd, sys
user = pwd.getpwnam(sys.argv[1])
os.setgroups([])
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes another user, and then the program.

With its own `user`, subprocess forks, and gRPC, which may have calls under way in this process, then often crashes in
the child before it becomes the program.
"""


class ServerProcess:
    """A process and its children. Its output is appended to a file.

    `answers` returns whether it serves. `stop` is the signal that stops it in order. `user` is the user it runs as;
    empty: the current one.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        cwd: Path,
        log: Path,
        answers: Callable[[], bool],
        *,
        stop: signal.Signals = signal.SIGTERM,
        user: str = "",
    ) -> None:
        self.log = log
        self._name = Path(command[0]).name
        self._answers = answers
        self._stop = stop
        self._sent_to: list[psutil.Process] = []
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                [*_as_user(user), *map(str, command)],
                cwd=cwd,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for who started it
            )

    @property
    def pid(self) -> int:
        """The id of the first of its processes."""
        return self._process.pid

    def wait_started(self, timeout_s: float = START_TIMEOUT_S) -> Self:
        """Wait until it answers. If it does not, it is killed. Raises DidNotStart."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and self._process.poll() is None:
            if self._answers():
                return self
            time.sleep(_LOOK_S)  # it opens its port when it is ready, and tells nobody
        self.kill()
        raise DidNotStart(f"{self._name} did not start; its log:\n{self._said()}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to it and to all its children. Those of PostgreSQL are not in its process group."""
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.pid)
            if first.status() == psutil.STATUS_ZOMBIE:
                return
            first.suspend()  # else it starts others meanwhile
            self._sent_to = [*first.children(recursive=True), first]
        for process in self._sent_to:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
                process.resume()

    def terminate(self) -> int:
        """Stop it in order, or kill it when that takes too long. Returns the exit status."""
        self._process.send_signal(self._stop)
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Kill it and all its children, and wait for them. Returns the exit status."""
        self.send(signal.SIGKILL)
        status = self._process.wait()
        psutil.wait_procs(self._sent_to, STOP_TIMEOUT_S)
        return status

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-2_000:]


def _as_user(user: str) -> list[str]:
    """Return what stands before the command of a process of this user; nothing for the current one."""
    return [sys.executable, "-I", "-S", "-c", _AS_USER, user] if user else []
