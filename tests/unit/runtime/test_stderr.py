"""A log that goes nowhere: what cannot be written is lost, counted, and harms nobody."""

import asyncio
import fcntl
import os
import subprocess
import sys
import termios
from array import array
from collections.abc import Iterator
from contextlib import suppress
from select import PIPE_BUF

import pytest

from services.runtime.stderr import LossyWriter
from tests.patience import PATIENCE_S


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Its reader and its writer."""
    both = os.pipe()
    yield both
    for end in both:
        with suppress(OSError):
            os.close(end)


def waiting(reader: int) -> int:
    """Bytes that nobody has read yet."""
    count = array("i", [0])
    fcntl.ioctl(reader, termios.FIONREAD, count)
    return count[0]


def fill(writer: int) -> None:
    """Until it takes no byte more."""
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * PIPE_BUF)
    os.set_blocking(writer, True)


def test_lines_arrive_as_they_are(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    stderr = LossyWriter(writer)
    line = b"y" * 3 * PIPE_BUF + b"\n"
    assert stderr.write(line) == len(line)
    assert (os.read(reader, 2 * len(line)), stderr.lost_lines) == (line, 0)


def test_a_reader_that_has_ended_loses_every_line_and_each_is_counted(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    stderr = LossyWriter(writer)
    os.close(reader)
    assert stderr.write(b"one\n") == 4
    assert stderr.write(b"two\nthree\n") == 10
    assert stderr.lost_lines == 3


@pytest.mark.parametrize("blocking", [True, False])
def test_a_reader_that_is_stuck_holds_nobody_up(pipe: tuple[int, int], blocking: bool) -> None:
    reader, writer = pipe
    fill(writer)
    os.set_blocking(writer, blocking)
    stderr = LossyWriter(writer)
    for _ in range(100):
        stderr.write(b"lost\n")
    assert stderr.lost_lines == 100
    os.read(reader, waiting(reader))
    stderr.write(b"again\n")
    assert (os.read(reader, PIPE_BUF), stderr.lost_lines) == (b"again\n", 100)


@pytest.mark.parametrize("blocking", [True, False])
def test_what_was_cut_off_is_not_glued_to_the_next_line(pipe: tuple[int, int], blocking: bool) -> None:
    reader, writer = pipe
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BUF * 2)
    os.set_blocking(writer, blocking)
    stderr = LossyWriter(writer)
    stderr.write(b"z" * size * 2 + b"\n")
    assert stderr.lost_lines == 1
    os.read(reader, waiting(reader))
    stderr.write(b"whole\n")
    assert os.read(reader, PIPE_BUF) == b"\nwhole\n"


def test_a_disk_that_is_full_loses_lines(pipe: tuple[int, int]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        stderr = LossyWriter(full)
        stderr.write(b"one\n")
        assert stderr.lost_lines == 1
    finally:
        os.close(full)


def test_a_line_that_has_time_is_written_at_once_where_no_loop_runs(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    LossyWriter(writer).write_soon(b"one\n")
    assert os.read(reader, PIPE_BUF) == b"one\n"


async def test_lines_of_one_turn_of_the_loop_are_written_together_and_in_their_order(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = pipe
    writes: list[bytes] = []
    monkeypatch.setattr("os.write", lambda _, data, write=os.write: writes.append(bytes(data)) or write(writer, data))
    stderr = LossyWriter(writer)
    for line in (b"one\n", b"two\n"):
        stderr.write_soon(line)
    assert writes == []
    await asyncio.sleep(0)
    assert writes == [b"one\ntwo\n"]
    stderr.write_soon(b"three\n")
    stderr.write(b"four\n")
    assert os.read(reader, PIPE_BUF) == b"one\ntwo\nthree\nfour\n"
    await asyncio.sleep(0)
    assert writes[1:] == [b"three\n", b"four\n"]


async def test_of_lines_that_waited_those_that_are_lost_are_counted(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BUF)
    stderr = LossyWriter(writer)
    for _ in range(40):
        stderr.write_soon(b"x" * (PIPE_BUF // 20 - 1) + b"\n")
    await asyncio.sleep(0)
    kept = os.read(reader, 2 * PIPE_BUF).count(b"\n")
    assert stderr.lost_lines == 40 - kept
    assert kept >= 20


WRITERS = {
    "a log in the last turn of a loop": (
        "import asyncio; from services.runtime import logs; logs.configure('api', 'json')\n"
        "async def main(): logs.get().info('one')\n"
        "asyncio.run(main())"
    ),
    "a log": "from services.runtime import logs; logs.configure('api', 'json'); logs.get().info('one')",
    "print": "print('one', file=sys.stderr, flush=True)",
    "logging": "import logging; logging.error('one')",
    "a warning": "import warnings; warnings.warn('one')",
    "a thread that fails": ("import threading; t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()"),
    "an error that cannot be raised": "class A:\n    def __del__(self): 1 / 0\nA()",
    "what is no Unicode": "print(chr(0xDC80), 'é', file=sys.stderr)",
}


@pytest.mark.slow
@pytest.mark.parametrize("statement", WRITERS.values(), ids=WRITERS)
def test_whatever_writes_there_the_process_goes_on_and_ends_as_it_should(pipe: tuple[int, int], statement: str) -> None:
    """Python's own stderr keeps what it could not write, fails again at the end, and makes the exit code 120."""
    reader, writer = pipe
    os.close(reader)
    program = (
        f"import sys\nfrom services.runtime import stderr\nstderr.install()\n{statement}\nassert stderr.lost_lines()"
    )
    done = subprocess.run([sys.executable, "-c", program], stderr=writer, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0


@pytest.mark.slow
def test_standard_streams_that_are_closed_are_nobody_elses_place() -> None:
    program = (
        "import os, sys\nfrom services.runtime import stderr\nstderr.install()\n"
        "file = open(os.devnull)\nassert file.fileno() > 2, file.fileno()\nprint('lost', file=sys.stderr)\n"
    )
    closed = ["sh", "-c", f'exec "{sys.executable}" -c "$0" 0<&- 1>&- 2>&-', program]
    assert subprocess.run(closed, timeout=PATIENCE_S, check=False).returncode == 0
