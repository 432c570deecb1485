"""A run of chaos that is interrupted: nothing of it stays, and what it has found is not lost."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.patience import PATIENCE_S
from tests.tiers import deep

pytestmark = deep

ROOT = Path(__file__).parents[3]
FOUND = """
from chaos import run
from chaos.findings import Findings, Violation
findings = Findings()
findings.add(Violation.LOST, "e1", "planted")
run.Findings = lambda: findings
"""
MAIN = "from chaos.__main__ import main; main()"


@contextmanager
def chaos(output: Path, before: str = "") -> Iterator["subprocess.Popen[str]"]:
    """A run without end."""
    command = [sys.executable, "-c", before + MAIN, "--seconds", "100000", "--seed", "7", "--output", str(output)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: "subprocess.Popen[str]", text: str) -> None:
    """Read what the process prints until a line has the text."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"it ended without {text!r}")


def ended(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[int, str, list[psutil.Process]]:
    """Send the signal. Return the exit status, what was printed since, and which of its processes are left."""
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(number)
    said, _ = process.communicate(timeout=PATIENCE_S)
    _, left = psutil.wait_procs(children, timeout=PATIENCE_S)
    return process.returncode, said, left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_found_is_shown_and_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    with chaos(tmp_path / "chaos.json", FOUND) as process:
        until(process, "round 2:")
        status, said, left = ended(process, number)
    assert (status, left) == (1, [])
    assert "lost: e1 planted" in said
    figures = json.loads((tmp_path / "chaos.json").read_text())
    assert figures["interrupted"]
    assert figures["rounds"] >= 2
    assert [each["what"] for each in figures["findings"]] == ["planted"]


def test_without_findings_the_status_is_that_of_an_interruption(tmp_path: Path) -> None:
    with chaos(tmp_path / "chaos.json") as process:
        until(process, "round 1:")
        status, said, left = ended(process, signal.SIGINT)
    assert (status, left) == (130, []), said
    assert "nothing was found until then" in said


def test_it_can_be_interrupted_before_it_begins(tmp_path: Path) -> None:
    with chaos(tmp_path / "chaos.json") as process:
        until(process, "seed 7")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
