"""multiprocessing's server that forks children, ready before it is asked for, with what this process has imported."""

import os
import pickle
import signal
import socket
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing import util

MAX_ASKED_BYTES = 1 << 20
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_HIGH = 512
"""Above all descriptors that are to be had again by their numbers."""


def stand_ready() -> None:
    """Fork the server now, while there is one thread; it begins where multiprocessing would start it.

    A process that asks for none takes it along when it ends.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _serve(theirs)
    theirs.close()
    start = util.spawnv_passfds

    def begin(path: bytes, words: Sequence[str], files: Sequence[int]) -> int:
        if "forkserver" not in words[-1] or ours.fileno() < 0:
            return start(path, words, files)
        with ours:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_ASKED_BYTES)
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
            socket.send_fds(ours, [pickle.dumps((words[-1], [*files], dict(os.environ), blocked))], files)
        return pid

    util.spawnv_passfds = begin


def _serve(channel: socket.socket) -> None:
    """As the process that the command `python -c` would be. Does not return."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # until it is known which are blocked
    try:
        message, files, _, _ = socket.recv_fds(channel, MAX_ASKED_BYTES, 8)
        if message:
            channel.close()
            _become(*pickle.loads(message), files)  # noqa: S301 - of the process that forked this one
    except Exception:  # noqa: BLE001 - whatever it is, this process goes no further
        traceback.print_exc()
    finally:
        os._exit(0)


def _become(
    command: str, numbers: Sequence[int], environ: Mapping[str, str], blocked: set[signal.Signals], files: list[int]
) -> None:
    for number, file in zip(numbers, _moved(files), strict=True):
        os.dup2(file, number, inheritable=False)
    os.closerange(_HIGH, _HIGH + 2 * len(files))
    os.environ.clear()
    os.environ.update(environ)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    exec(command, {})  # noqa: S102 - what multiprocessing runs


def _moved(files: Sequence[int]) -> list[int]:
    """Out of the way of the numbers that they are to have."""
    moved = [os.dup2(file, _HIGH + place) for place, file in enumerate(files)]
    for file in files:
        os.close(file)
    return moved
