"""A signal at any moment after the start of a program is heard, also when it is process 1 of a container."""

import itertools
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.integration.programs.conftest import PROGRAMS, Place, Running, path_of, started, until, up
from tests.patience import PATIENCE_S
from tests.servers.new_database import put_new_database
from tests.tiers import deep, deep_but

DELAYS_S = (0.0, 0.1, 0.3, 0.7, 1.5)
"""After the first handler; a fast machine is up before the last of them, a slow one is not: each is right."""

FIRST_START_S = 0.7
"""The delay with which an api has no database yet, and makes one; for the others it is there."""

HEAVY = "cygrpc"
"""In the name of a library that a program loads after what is small."""


@contextmanager
def begun(place: Place, program: str, *before: str) -> Iterator[Running]:
    """A program that has just begun, as the process that is at the end of the command `before`."""
    log = place.folder / "log"
    with (
        log.open("w") as file,
        started([*before, str(path_of(program))], place.environ(), stderr=file) as process,
    ):
        yield Running(process, log)


def takes(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> number - 1 & 1)


@pytest.mark.parametrize("program", PROGRAMS)
def test_handlers_come_before_heavy_imports(program: str, place: Place) -> None:
    with begun(place, program) as running:
        pid = running.process.pid
        until(lambda: takes(pid, signal.SIGTERM), running)
        until(lambda: takes(pid, signal.SIGTERM) and takes(pid, signal.SIGHUP), running)
        running.process.send_signal(signal.SIGSTOP)
        loaded = Path(f"/proc/{pid}/maps").read_text()
        running.process.send_signal(signal.SIGCONT)
        assert HEAVY not in loaded


@pytest.mark.parametrize(
    ("number", "delay_s"),
    deep_but(
        [*((signal.SIGTERM, delay_s) for delay_s in DELAYS_S), (signal.SIGINT, 0.3)],
        (signal.SIGTERM, 0.3),
    ),
)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_stop_at_any_moment_ends_it_cleanly(
    program: str, number: signal.Signals, delay_s: float, place: Place
) -> None:
    if delay_s != FIRST_START_S:
        put_new_database(place.database)
    with begun(place, program) as running:
        until(lambda: takes(running.process.pid, signal.SIGHUP), running)  # the last one, and Python itself takes none
        time.sleep(delay_s)  # the moment that is tried
        running.process.send_signal(number)
        assert running.ends() == 0, running.log.read_text()
        assert "Traceback" not in running.log.read_text()
        assert no_process_is_left(running)


def no_process_is_left(running: Running) -> bool:
    """Of a worker's children, which end by themselves when it has ended."""
    marked = str(running.log.parent)
    until(lambda: not [p for p in psutil.process_iter() if marked in environment(p)])
    return True


def environment(process: psutil.Process) -> str:
    try:
        return " ".join(process.environ().values())
    except (psutil.Error, OSError):
        return ""


@deep
@pytest.mark.parametrize("delay_s", [0.0, 0.5])
@pytest.mark.parametrize("program", PROGRAMS)
def test_as_process_1_of_a_container_too(program: str, delay_s: float, place: Place) -> None:
    """The system drops a signal that process 1 has no handler for."""
    alone = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine gives no process a PID namespace of its own")
    put_new_database(place.database)
    with begun(place, program, *alone) as running:
        until(lambda: bool(inner(running)) and takes(inner(running)[0].pid, signal.SIGTERM), running)
        time.sleep(delay_s)  # the moment that is tried
        inner(running)[0].send_signal(signal.SIGTERM)
        assert running.ends() == 0, running.log.read_text()


def inner(running: Running) -> list[psutil.Process]:
    return psutil.Process(running.process.pid).children()


def test_what_a_service_manager_sends_to_the_whole_group_reaches_the_supervisor_alone(place: Place) -> None:
    """From the first moment on: a child or its server that ends early is a start that fails."""
    with up("exportd-worker", place, EXPORTD_SLOTS="3") as running:
        family = psutil.Process(running.process.pid).children(recursive=True)
        assert len(family) >= 4
        for one, number in itertools.product(family, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)):
            assert masked(one.pid) >> number - 1 & 1, one.cmdline()
            one.send_signal(number)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE_S) == 0
        assert "child_not_started" not in running.log.read_text()


def masked(pid: int) -> int:
    """Signals that do not reach a process: blocked or ignored."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["SigBlk"], 16) | int(lines["SigIgn"], 16)


@deep
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_hangup_during_the_start_is_no_end_and_its_files_are_read_again(program: str, place: Place) -> None:
    put_new_database(place.database)
    with begun(place, program) as running:
        until(lambda: takes(running.process.pid, signal.SIGHUP), running)
        running.process.send_signal(signal.SIGHUP)
        running.until_said("_reloaded")
        running.process.send_signal(signal.SIGTERM)
        assert running.ends() == 0
