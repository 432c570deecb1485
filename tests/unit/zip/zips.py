"""Archives to look at, and programs that nobody here wrote to look at them with."""

import io
import shutil
import subprocess
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from services.worker.zip.appender import ZipAppender
from services.worker.zip.records import Limits

MOMENT = datetime(2026, 11, 22, 21, 40, 4)  # noqa: DTZ001 - a ZIP knows no zones
LOW = Limits(size=1000, count=3)
"""zip64 begins here, so that small archives need it."""


def zip_of(
    entries: Iterable[tuple[str, bytes]], spool_dir: Path, password: str = "", limits: Limits | None = None
) -> Path:
    path = spool_dir / "made.zip"
    with path.open("w+b") as file:
        appender = ZipAppender(file, MOMENT, spool_dir, password, limits)
        for name, content in entries:
            appender.add(name, io.BytesIO(content))
        appender.close()
    return path


def program(name: str, *arguments: object) -> int:
    """Run a program that has an opinion on archives; returns its exit code."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run(
        [name, *map(str, arguments)],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return done.returncode
