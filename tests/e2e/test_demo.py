"""`make demo` and `make run`: what they print fits a terminal of 80 columns, and its commands work."""

import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from demo.ports import free_port
from tests.patience import PATIENCE_S
from tests.tiers import deep

pytestmark = deep

ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, "-m", "demo")


@pytest.fixture
def folder(sample: Path, tmp_path: Path) -> Path:
    """Where the demonstration finds the sample and leaves what it makes."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "sample").symlink_to(sample)
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **more}


def test_the_table_of_the_demonstration_fits_80_columns(folder: Path) -> None:
    done = subprocess.run(
        DEMO, cwd=folder, env=environment(), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout.partition("What was made")[2].splitlines()
    assert max(map(len, table)) <= 80
    rows = [line.replace("│", " ").split() for line in table if "build/demo/" in line]
    assert [row[:2] for row in rows] == [
        [f"build/demo/{name}", "COMPLETED"] for name in ("invoices.zip", "flights.xlsx", "flights.csv")
    ]
    assert {row[2] for row in rows[1:]} == {"336,776"}


@deep
def test_moved_services_say_how_to_reach_them_and_keep_their_settings(folder: Path) -> None:
    moved = {"EXPORTD_LISTEN": "127.0.0.1:0", "EXPORTD_QUEUE_LISTEN": "127.0.0.1:0", "EXPORTD_DATA_DIR": "data"}
    metrics = f"127.0.0.1:{free_port()}"
    moved |= {"EXPORTD_LOG_FORMAT": "human", "EXPORTD_API_METRICS": metrics, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        (*DEMO, "serve"), cwd=folder, env=environment(**moved), stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None
        try:
            lines = [serving.stdout.readline() for _ in range(6)]
            commands = [shlex.split(line) for line in lines if line.startswith("  .venv/bin/exportctl")]
            for words in commands:
                program = Path(sys.executable).with_name(Path(words[0]).name)
                subprocess.run((program, *words[1:]), cwd=folder, check=True, timeout=PATIENCE_S, capture_output=True)
            with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=PATIENCE_S) as page:
                assert b"exportd_" in page.read()
        finally:
            serving.send_signal(signal.SIGINT)
        assert serving.wait(PATIENCE_S) == 0
    assert len(commands) == 2
    assert (folder / "airports.xlsx").exists()
    assert not (folder / "data" / "api.log").read_text().startswith("{")
