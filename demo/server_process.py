"""A server that is not exportd's, as a process: begun, asked until it answers, ended however it is told."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from demo.processes import START_TIMEOUT_S, STOP_TIMEOUT_S, DidNotStart

_LOOK_S = 0.05


class ServerProcess:
    """One process with all that it starts; what it says goes to the end of a file.

    `answers` says whether it serves. `stop` is the signal that ends it in order. `user` is whom it runs as; empty:
    whoever runs this.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        answers: Callable[[], bool],
        *,
        stop: signal.Signals = signal.SIGTERM,
        user: str = "",
    ) -> None:
        self.log = log
        self._answers = answers
        self._stop = stop
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                [*map(str, command)],
                cwd=log.parent,
                stdout=said,
                stderr=subprocess.STDOUT,
                user=user or None,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the first of its processes."""
        return self._process.pid

    def wait_started(self, timeout_s: float = START_TIMEOUT_S) -> Self:
        """Wait until it answers. Raises DidNotStart; it is killed then."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and self._process.poll() is None:
            if self._answers():
                return self
            time.sleep(_LOOK_S)  # it opens its port when it is ready, and tells nobody
        self.kill()
        raise DidNotStart(f"{self._process.args[0]} did not start; its log:\n{self._said()}")  # type: ignore[index]  # a list

    def send(self, number: signal.Signals) -> None:
        """To it and to all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def terminate(self) -> int:
        """In order, and with patience; returns the exit status."""
        self._process.send_signal(self._stop)
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """SIGKILL to it and all that it started; returns the exit status."""
        self.send(signal.SIGKILL)
        return self._process.wait()

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-2_000:]
