"""`make demo-cluster`, small: everything is exported once, and nothing is left running."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.patience import PATIENCE_S
from tests.tiers import deep

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "chaos.demonstration", "--exports", "12"]

pytestmark = deep


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder for temporary files whose path leaves room for the names of sockets."""
    with tempfile.TemporaryDirectory(prefix="exportd-") as folder:
        yield Path(folder)


def of_folder(folder: Path) -> list[psutil.Process]:
    """The processes that have it in their environment or command line."""
    found = []
    for process in psutil.process_iter():
        try:
            texts = (*process.cmdline(), *process.environ().values())
            if process.pid != os.getpid() and any(str(folder) in text for text in texts):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_each_export_is_made_once_while_one_process_of_each_kind_is_killed(place: Path) -> None:
    environ = os.environ | {"TMPDIR": str(place), "COLUMNS": "120"}
    ran = subprocess.run(
        COMMAND, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=5 * PATIENCE_S, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    counts = dict(re.findall(r"│ ([\w ]+?) +│ +(\d+) │", ran.stdout))
    expected = {"exports": "12", "COMPLETED": "12", "lost": "0", "doubled": "0", "sha256 verified": "12"}
    assert expected.items() <= counts.items(), ran.stdout
    for victim in ("an api", "a worker", "PostgreSQL", "the store"):
        assert re.search(rf"│ {victim} +│ +[\d.]+ │", ran.stdout), ran.stdout
    assert of_folder(place) == []
    # A worker that is killed leaves the socket of its fork server.
    assert [path.name for path in place.iterdir() if not path.name.startswith("pymp-")] == []


def test_ctrl_c_ends_everything(place: Path) -> None:
    environ = os.environ | {"TMPDIR": str(place), "COLUMNS": "120"}
    with subprocess.Popen(COMMAND, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert "2 apis, 3 workers" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()
        assert running.wait(PATIENCE_S) == 130, rest
    assert "everything is ended" in rest
    assert of_folder(place) == []
