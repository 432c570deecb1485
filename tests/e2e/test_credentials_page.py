"""docs/credentials.md, command by command, on an api with TLS and keys."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from demo.processes import Begin, start_api
from tests.docs import pages
from tests.patience import PATIENCE_S
from tests.servers.warm import WarmProgram
from tests.tiers import deep

PAGE = "docs/credentials.md"
PROGRAMS = Path(sys.executable).parent

Run = Callable[[str], str]


@pytest.fixture
def run(sample: Path, tmp_path: Path, warm_programs: Mapping[str, WarmProgram]) -> Run:
    """Runs a line of the page; its output."""
    (tmp_path / "data").mkdir()
    warm = warm_programs["exportd-api"].command("exportd-api").parent
    environ = {
        **os.environ,
        "PATH": f"{warm}:{PROGRAMS}:{os.environ['PATH']}",
        "EXPORTD_CATALOG": str(sample / "catalog.toml"),
        "EXPORTD_DATA_DIR": str(tmp_path / "data"),
    }

    def ran(line: str) -> str:
        words = ["bash", "-c", line]
        ended = subprocess.run(
            words, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert ended.returncode == 0, f"{line}: {ended.stderr}"
        return ended.stdout

    return ran


@deep
def test_the_page_works_as_it_is_written(run: Run, sample: Path, tmp_path: Path, forked: Begin) -> None:
    lines = pages.commands(PAGE)
    (with_tls,) = [line for line in lines if "exportctl --target" in line]
    of_keys = [line for line in lines if line.startswith("exportctl keys ")]
    assert of_keys
    for line in [line for line in lines if line.startswith("exportd-api") and " revoke " not in line]:
        run(line)
    run("exportd-api keys create --tenant acme --scopes create,read,cancel,keys > admin")
    tls = {"EXPORTD_TLS_CERTIFICATE": "api.pem", "EXPORTD_TLS_KEY": "api.key"}
    files = {name: str(tmp_path / "tls" / file) for name, file in tls.items()}
    api = start_api(sample / "catalog.toml", tmp_path / "data", "127.0.0.1:0", "127.0.0.1:0", begin=forked, **files)
    target = f"localhost:{api.first_line['port']}"
    admin = f"EXPORTD_TARGET={target} EXPORTD_TLS_AUTHORITY=tls/authority.pem EXPORTD_API_KEY_FILE=admin"
    try:
        run(with_tls.replace("localhost:50051", target))
        for line in of_keys:
            (one, *_) = json.loads(run(f"{admin} exportctl keys list --output json"))["keys"]
            own = line.replace(" ID", f" {one['id']}").replace("> key", "> made")
            run(f"{admin} {own}")
            assert (tmp_path / "made").read_text().startswith("exd_")
    finally:
        api.terminate()
    assert (tmp_path / "token").read_text().startswith("exw_")


def test_a_key_is_revoked_as_the_page_says(run: Run) -> None:
    (revoke,) = [line for line in pages.commands(PAGE) if " revoke " in line]
    run("exportd-api keys create")
    listed = json.loads(run("exportd-api keys list --output json"))
    (key,) = listed["keys"] if isinstance(listed, dict) else listed
    run(revoke.replace(" ID", f" {key['id']}"))
