"""The TypeScript client, installed and built: by `npm ci`, once for each lock file."""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.linters.node import Node, NoNode, install, node
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "clients" / "typescript"
MINIMUM = 22
"""Of Node.js, for @connectrpc/connect-node."""

_BUILT = PACKAGE / "node_modules" / ".built"


def built() -> Node:
    """What runs it. Fails the test when npm cannot bring its libraries."""
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "typescript.lock").open("w") as lock:  # of several processes of one run of tests
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            found = node(MINIMUM)
            install(found, PACKAGE)
        except NoNode as why:
            pytest.fail(f"the TypeScript client cannot be tested: {why}")
        _build(found)
    return found


def run(found: Node, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """In the folder of the package."""
    environ = found.environ | more
    return subprocess.run(
        command, cwd=PACKAGE, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def _build(found: Node) -> None:
    """Unless what it is made of is what it was made of the last time."""
    made_of = _digest_of_sources()
    if (PACKAGE / "dist").is_dir() and _BUILT.exists() and _BUILT.read_text() == made_of:
        return
    _BUILT.unlink(missing_ok=True)
    buf = Path(sys.executable).with_name("buf")
    made = subprocess.run(
        [buf, "generate", "--template", "clients/typescript/buf.gen.yaml"],
        cwd=ROOT, env=found.environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    compiled = run(found, *found.npm, "run", "--silent", "build")
    assert compiled.returncode == 0, compiled.stdout
    _BUILT.write_text(_digest_of_sources())


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "proto").rglob("*.proto"), *(PACKAGE / "src").rglob("*"), *PACKAGE.glob("*.*")]):
        if path.is_file():
            digest.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()
