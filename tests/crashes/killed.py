"""kill -9 of a real process, between any two lines."""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

Step = Callable[[Path], object]


def _nothing(_: Path) -> None:
    """There is nothing to prepare."""


def killed_at_each_line(
    scenario: Step, modules: Sequence[ModuleType], base: Path, prepare: Step = _nothing
) -> list[Path]:
    """Folders that processes left which were killed in `scenario`, and the one of a process that was not.

    Each has a new folder below `base`, as `prepare` leaves it, and runs `scenario` on it until it comes to a line of
    `modules`: the first one dies before the first line that it would run, the second one before the second, and so on.
    Both functions must be importable by their names.
    """
    base.mkdir(exist_ok=True)
    files = {str(module.__file__) for module in modules}
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(scenario, files, base, prepare))
    process.start()
    process.join()
    assert process.exitcode == 0
    return sorted(base.iterdir())


def _run(scenario: Step, files: set[str], base: Path, prepare: Step) -> None:
    for line in count():
        folder = base / f"{line:04}"
        folder.mkdir()
        prepare(folder)
        if not _is_killed(lambda: scenario(folder), files, line):  # noqa: B023 - called at once
            return


def _is_killed(scenario: Callable[[], object], files: set[str], line: int) -> bool:
    """False when it ended before it came to so many lines."""
    child = os.fork()
    if child == 0:
        _die(scenario, files, line)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "it failed, see above"
    return False


def _die(scenario: Callable[[], object], files: set[str], line: int) -> None:
    """Ends this process, one way or the other."""
    lines = count()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        if event == "line" and next(lines) == line:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)
    try:
        scenario()
    except BaseException:  # noqa: BLE001 - whatever it is, the other process must hear of it
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
