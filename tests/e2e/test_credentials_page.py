"""docs/credentials.md, command by command, on an api with TLS and keys."""

import json
import os
import subprocess
import sys
from pathlib import Path

from demo.processes import start_api
from tests.docs import pages
from tests.patience import PATIENCE_S

PAGE = "docs/credentials.md"
PROGRAMS = Path(sys.executable).parent


def run(line: str, folder: Path, sample: Path) -> str:
    environ = {
        **os.environ,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "EXPORTD_CATALOG": str(sample / "catalog.toml"),
        "EXPORTD_DATA_DIR": str(folder / "data"),
    }
    words = ["bash", "-c", line]
    ended = subprocess.run(
        words, cwd=folder, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert ended.returncode == 0, f"{line}: {ended.stderr}"
    return ended.stdout


def test_the_page_works_as_it_is_written(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    lines = pages.commands(PAGE)
    (with_tls,) = [line for line in lines if "exportctl" in line]
    for line in [line for line in lines if line.startswith("exportd-api") and " revoke " not in line]:
        run(line, tmp_path, sample)
    tls = {"EXPORTD_TLS_CERTIFICATE": "api.pem", "EXPORTD_TLS_KEY": "api.key"}
    files = {name: str(tmp_path / "tls" / file) for name, file in tls.items()}
    api = start_api(sample / "catalog.toml", tmp_path / "data", "127.0.0.1:0", "127.0.0.1:0", **files)
    try:
        run(with_tls.replace(":50051", f":{api.first_line['port']}"), tmp_path, sample)
    finally:
        api.terminate()
    assert (tmp_path / "token").read_text().startswith("exw_")


def test_a_key_is_revoked_as_the_page_says(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (revoke,) = [line for line in pages.commands(PAGE) if " revoke " in line]
    run("exportd-api keys create", tmp_path, sample)
    listed = json.loads(run("exportd-api keys list --output json", tmp_path, sample))
    (key,) = listed["keys"] if isinstance(listed, dict) else listed
    run(revoke.replace(" ID", f" {key['id']}"), tmp_path, sample)
