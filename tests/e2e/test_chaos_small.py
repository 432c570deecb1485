"""A few rounds of chaos, from the command line; `make chaos ROUNDS=200` is the real thing."""

import json
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE_S
from tests.tiers import deep

pytestmark = deep

ROOT = Path(__file__).parent.parent.parent
SEED = "222"
"""In its three rounds there is an export of every kind that lives to be completed, and an operator who retries."""


def test_a_few_rounds_of_chaos_leave_nothing_wrong(tmp_path: Path) -> None:
    output = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "chaos", "--rounds", "3", "--seed", SEED, "--output", str(output)]
    limit_s = 5 * PATIENCE_S  # for three rounds
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=limit_s, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    figures = json.loads(output.read_text())
    assert figures["kills"] >= 1
    assert figures["completed"] >= 1
    assert figures["acknowledged"] >= figures["completed"] + figures["cancelled"] + figures["deleted"]
    assert figures["separate_exports"] >= 1
    assert figures["exports_with_attachments"] > figures["separate_exports"]
    assert figures["encrypted_exports"] >= 1
    assert figures["callbacks"] >= 1
    assert figures["mails"] >= 1
    assert figures["previews_answered"] >= 1
    assert figures["operator_retries"] >= 1
