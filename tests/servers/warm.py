"""A program of Python that is started again and again: imported once, and forked for each start.

Each start is a process of its own, with its arguments, environment, folder, standard files and signals; it ends as
Python ends a program. What it does not show is what is imported when: tests of that start the program itself.
"""

import asyncio
import atexit
import gc
import importlib
import marshal
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.patience import PATIENCE_S
from tests.servers.warm_children import stand_ready

ROOT = Path(__file__).parents[2]
MAX_START_BYTES = 1 << 20
"""Of arguments and environment."""

COMMAND = """#!{python} -SIB
import array, os, sys
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_SEQPACKET, SOL_SOCKET, SO_SNDBUF, socket
import marshal
channel = socket(AF_UNIX, SOCK_SEQPACKET)
channel.setsockopt(SOL_SOCKET, SO_SNDBUF, {max_start_bytes})
channel.connect({door!r})
told, telling = os.pipe()
start = marshal.dumps((sys.argv[1:], dict(os.environ), os.getcwd(), False))
channel.sendmsg([start], [(SOL_SOCKET, SCM_RIGHTS, array.array("i", [0, 1, 2, telling]))])
os.close(telling)
code = int(b"".join(iter(lambda: os.read(told, 100), b"")).split()[1])
if code < 0:
    os.kill(os.getpid(), -code)
os._exit(code)
"""
"""A program on disk that is forked by the server behind `door`, with its own files; modules that it does without take
longer to load than all that it does.
"""


class WarmProgram:
    """What `python -m module` runs, in a process that waits for starts; `imported` are there by then."""

    def __init__(self, module: str, imported: list[str], *, forks_children: bool = False) -> None:
        """One that `forks_children`, by multiprocessing, has the server for it ready, with the modules, too."""
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_START_BYTES)
        self._folder = Path(tempfile.mkdtemp(prefix="warm-"))
        with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(str(self._folder / "door"))
            door.listen()
            command = [sys.executable, "-m", "tests.servers.warm", str(theirs.fileno()), str(door.fileno())]
            command += ["forks" if forks_children else "alone", module, *imported]
            self._server = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno(), door.fileno()])

    def close(self) -> None:
        """It ends; what it started goes on."""
        self._channel.close()
        self._server.wait()
        shutil.rmtree(self._folder)

    def command(self, name: str) -> Path:
        """A program of that name, alone in its folder, for a shell to start; nobody tells it of signals."""
        path = self._folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        door = str(self._folder / "door")
        path.write_text(COMMAND.format(python=sys.executable, max_start_bytes=MAX_START_BYTES, door=door))
        path.chmod(0o755)
        return path

    def run(self, *words: str, env: Mapping[str, str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """As subprocess.run, of a program that reads nothing and ends by itself."""
        with open(os.devnull) as nothing, TemporaryFile("w+") as out, TemporaryFile("w+") as err:  # noqa: PTH123
            told = self._begin([nothing.fileno(), out.fileno(), err.fileno()], words, env, cwd, new_session=False)
            with os.fdopen(told) as lines:
                pid = int(lines.readline())
                if not select.select([lines], [], [], PATIENCE_S)[0]:
                    os.kill(pid, signal.SIGKILL)
                code = int(lines.readline())
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(words, code, out.read(), err.read())

    def begin(self, *words: str, env: Mapping[str, str], stderr: int | None = None) -> "Forked":
        """As subprocess.Popen, with its stderr in a pipe where none is given, and nothing to read."""
        ours, theirs = os.pipe() if stderr is None else (None, stderr)
        with open(os.devnull) as nothing:  # noqa: PTH123
            told = self._begin([nothing.fileno(), 1, theirs], words, env, None, new_session=False)
        if stderr is None:
            os.close(theirs)
        return Forked(told, ours)

    async def start(
        self,
        *words: str,
        env: Mapping[str, str],
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        start_new_session: bool = False,
    ) -> "Started":
        """As asyncio.create_subprocess_exec starts one: files are descriptors, PIPE, DEVNULL or None, our own."""
        ours, theirs = zip(*(_ends(file, fd) for fd, file in enumerate((stdin, stdout, stderr))), strict=True)
        told = self._begin(theirs, words, env, None, new_session=start_new_session)
        for file, fd in zip((stdin, stdout, stderr), theirs, strict=True):
            if file in (asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL):
                os.close(fd)
        started = Started(*[await _reader(fd) for fd in (ours[1], ours[2], told)], ours[0])
        await started.begun()
        return started

    def _begin(
        self, files: Sequence[int], words: Sequence[str], env: Mapping[str, str], cwd: Path | None, *, new_session: bool
    ) -> int:
        """What is read there tells the number of the process, and how it ended once it has."""
        told, telling = os.pipe()
        message = marshal.dumps(([*map(str, words)], dict(env), str(cwd or Path.cwd()), new_session))
        socket.send_fds(self._channel, [message], [*files, telling])
        os.close(telling)
        return told


class Forked:
    """A process that a WarmProgram began, as subprocess.Popen shows one."""

    def __init__(self, told: int, stderr: int | None) -> None:
        self._told = os.fdopen(told)
        self.stderr = None if stderr is None else os.fdopen(stderr)
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code once it has ended. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            with self._told:
                self.returncode = int(self._told.readline())
        return self.returncode

    def poll(self) -> int | None:
        """Its exit code, None as long as it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self.returncode is None:
                os.kill(self.pid, number)


class Started:
    """A process that a WarmProgram started, as asyncio.subprocess.Process shows one."""

    def __init__(
        self,
        stdout: asyncio.StreamReader | None,
        stderr: asyncio.StreamReader | None,
        told: asyncio.StreamReader,
        stdin: int | None,
    ) -> None:
        self.stdout, self.stderr = stdout, stderr
        self.pid = 0
        self.returncode: int | None = None
        self._told, self._stdin = told, stdin

    async def begun(self) -> None:
        """Wait until it has its number."""
        self.pid = int(await self._told.readline())

    async def communicate(self, typed: bytes = b"") -> tuple[bytes, bytes]:
        """What it writes until it has ended; `typed`, which fits into a pipe, is all that it reads."""
        if self._stdin is not None:
            os.write(self._stdin, typed)
            os.close(self._stdin)
        out, err = await asyncio.gather(_rest(self.stdout), _rest(self.stderr))
        await self.wait()
        return out, err

    async def wait(self) -> int:
        """Its exit code once it has ended, the negative number of the signal that ended it."""
        if self.returncode is None:
            self.returncode = int(await self._told.readline())
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


def _ends(file: int | None, own: int) -> tuple[int | None, int]:
    """Ours, if there is one, and that of the program."""
    if file == asyncio.subprocess.PIPE:
        reading, writing = os.pipe()
        return (writing, reading) if own == 0 else (reading, writing)
    if file == asyncio.subprocess.DEVNULL:
        return None, os.open(os.devnull, os.O_RDWR)
    return None, own if file is None else file


async def _reader(fd: int | None) -> Any:
    if fd is None:
        return None
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", buffering=0)
    )
    return reader


async def _rest(reader: asyncio.StreamReader | None) -> bytes:
    return await reader.read() if reader else b""


def _wait_for_start(channel: socket.socket, door: socket.socket) -> None:
    """Returns in each process that is to be the program. Ends this one when nobody can ask any more."""
    while True:
        message, files = _next_start(channel, door)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            channel.close()
            door.close()
            if _kept(files.pop()):
                _become(files, *marshal.loads(message))  # noqa: S302 - of the test itself
                return
        for fd in files:
            os.close(fd)


def _next_start(channel: socket.socket, door: socket.socket) -> tuple[bytes, list[int]]:
    """Of the process that began this one, or of a command."""
    while True:
        if door in select.select([channel, door], [], [])[0]:
            asking, _ = door.accept()
            with asking:
                message, files, _, _ = socket.recv_fds(asking, MAX_START_BYTES, 4)
        else:
            message, files, _, _ = socket.recv_fds(channel, MAX_START_BYTES, 4)
            if not message:
                os._exit(0)
        if message:
            return message, files


def _kept(telling: int) -> bool:
    """True in the process that is to be the program; its parent tells how it ends, and ends, too."""
    pid = os.fork()
    if pid == 0:
        os.close(telling)
        return True
    os.write(telling, b"%d\n" % pid)
    for fd in (0, 1, 2):
        os.close(fd)
    _, status = os.waitpid(pid, 0)
    os.write(telling, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(files: list[int], words: list[str], env: Mapping[str, str], folder: str, new_session: bool) -> None:
    if new_session:
        os.setsid()
    for own, fd in enumerate(files):
        os.dup2(fd, own)
        os.close(fd)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[1:] = words
    encoding, _, errors = env.get("PYTHONIOENCODING", "utf-8").partition(":")
    sys.stdin = open(0, encoding=encoding, errors=errors or None, closefd=False)  # noqa: SIM115 - until its end
    sys.stdout = open(1, "w", encoding=encoding, errors=errors or None, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding=encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor, door, children, module, *imported = sys.argv[1:]
    for name in imported:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is the same in all of them is not looked through, and so not copied, at the end of each
    _wait_for_start(socket.socket(fileno=int(descriptor)), socket.socket(fileno=int(door)))
    if children == "forks":
        stand_ready()
        # No worker has DuckDB itself, which reports at the end of a process which of its functions are left.
        atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))
    runpy.run_module(module, run_name="__main__", alter_sys=True)
