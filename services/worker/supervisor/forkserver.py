"""The server process that forks children: the place of its socket, and the signals that it must not receive."""

import multiprocessing.forkserver
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker, util
from multiprocessing.context import ForkServerContext
from pathlib import Path

from services.runtime.startup import CannotStart

MAX_SOCKET_PATH_BYTES = 107
"""Longest path of a Unix socket."""

OTHER_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - mkdtemp makes the folders inside them
MAX_SOCKET_NAME_BYTES = len("/pymp-12345678/listener-12345678")
"""Length of the names that multiprocessing adds to the folder for temporary files."""

_OF_THE_GROUP = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


def context(preload: list[str]) -> ForkServerContext:
    """Return the context to start children with.

    The modules `preload` are already imported in them. Raises CannotStart.
    """
    _find_place_for_sockets()
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(preload)
    return made


def start(preload: list[str]) -> None:
    """Start the server, which imports these modules before it forks the first child. Raises CannotStart."""
    context(preload)
    try:
        with group_signals_blocked():
            multiprocessing.forkserver.ensure_running()
    except OSError as problem:
        raise CannotStart(f"a process for jobs did not start: {problem}") from problem


@contextmanager
def group_signals_blocked() -> Iterator[None]:
    """Block SIGTERM, SIGINT and SIGHUP in processes that are started in this context and in those that they fork.

    A terminal and a service manager signal every process of a group, and only the supervisor can decide whether work
    may go on.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_THE_GROUP)
    try:
        resource_tracker.ensure_running()  # this call unblocks some of the signals
        signal.pthread_sigmask(signal.SIG_BLOCK, _OF_THE_GROUP)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _find_place_for_sockets() -> None:
    """Let multiprocessing use another folder for its sockets if the usual path is too long.

    It makes that folder once, inside the folder for temporary files.
    """
    place = _place()
    if place is None:
        return
    usual = tempfile.tempdir
    tempfile.tempdir = place
    try:
        util.get_temp_dir()
    finally:
        tempfile.tempdir = usual


def _place() -> str | None:
    """Return the parent folder for sockets; None for the usual one. Raises CannotStart."""
    try:
        usual = tempfile.gettempdir()
    except OSError as problem:
        raise CannotStart(f"TMPDIR: {problem.strerror}") from problem
    if _fits(usual):
        return None
    for other in OTHER_PLACES:
        with suppress(OSError):
            if _fits(os.path.realpath(other)) and _is_usable(Path(other)):
                return other
    longest = MAX_SOCKET_PATH_BYTES - MAX_SOCKET_NAME_BYTES
    raise CannotStart(
        f"TMPDIR is {usual}: sockets need a path of at most {longest} bytes, and none of {', '.join(OTHER_PLACES)} "
        "can be written to"
    )


def _fits(folder: str) -> bool:
    return len(os.fsencode(folder)) + MAX_SOCKET_NAME_BYTES <= MAX_SOCKET_PATH_BYTES


def _is_usable(folder: Path) -> bool:
    with tempfile.TemporaryFile(dir=folder):
        return True
