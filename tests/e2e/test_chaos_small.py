"""A few rounds of chaos, from the command line; `make chaos ROUNDS=200` is the real thing."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_a_few_rounds_of_chaos_leave_nothing_wrong(tmp_path: Path) -> None:
    output = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "chaos", "--rounds", "3", "--seed", "4", "--output", str(output)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    figures = json.loads(output.read_text())
    assert figures["kills"] >= 1
    assert figures["completed"] >= 1
    assert figures["acknowledged"] >= figures["completed"] + figures["cancelled"] + figures["deleted"]
