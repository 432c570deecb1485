"""Builds the directory beside its place and then moves it there, so that it is either complete or missing."""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sample import DEMO_ENTITY, database, flights
from sample.generator import INVOICES, SEED

STAMP = ".sample-version"
STATIC = ("catalog.toml", "sources.toml")
_PACKAGE = Path(__file__).parent
_PARTS = (*STATIC, "cfdi.sqlite3", "files", "flights", "flights.sqlite3", "airports")

Say = Callable[[str], None]
RealData = Callable[[Path], Iterable[tuple[str, int]]]
"""Writes tables into a folder; yields the name and the number of rows of each."""


class NotOurs(Exception):
    """The directory has something that this package did not put there."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"{directory} is not empty and holds no sample data: name another directory, or empty this one"
        )


def _tell(line: str) -> None:
    print(line, flush=True)


def build(
    directory: Path, *, invoices: int = INVOICES, seed: int = SEED, say: Say = _tell, real: RealData = flights.build
) -> None:
    """Write the sample data to `directory`, unless it is there already. Raises NotOurs.

    `real` writes the part of the data that is not invented. Concurrent builds wait for each other. An interrupted build
    leaves `directory` unchanged.
    """
    directory = directory.absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    version = _version(invoices, seed)
    with _alone(directory.parent):
        if _complete(directory, version):
            say(f"{directory} is up to date")
            return
        _refuse_foreign(directory)
        _build_new(directory, version, partial(_fill, invoices=invoices, seed=seed, say=say, real=real), say)


def _build_new(directory: Path, version: str, fill: Callable[[Path], None], say: Say) -> None:
    started = time.perf_counter()
    new = directory.with_name(directory.name + ".tmp")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    say(f"Building the sample data in {directory}")
    fill(new)
    (new / STAMP).write_text(version, encoding="ascii")
    shutil.rmtree(directory, ignore_errors=True)
    new.rename(directory)
    say(f"Done in {time.perf_counter() - started:.1f} s")


def _fill(new: Path, *, invoices: int, seed: int, say: Say, real: RealData) -> None:
    for name in STATIC:
        shutil.copyfile(_PACKAGE / name, new / name)
    for table, rows in real(new):
        say(f"  {table:<12} {rows:>8,} rows")
    for table, rows in database.build(new, invoices=invoices, seed=seed):
        say(f"  {table:<12} {rows:>8,} rows")
    documents = sum(1 for _ in (new / "files" / DEMO_ENTITY).iterdir())
    say(f"  {'XML files':<12} {documents:>8,}")


def _version(invoices: int, seed: int) -> str:
    """Return a digest that changes with everything that the data depends on.

    These are the files of this package and the arguments.
    """
    digest = hashlib.sha256(f"{invoices} {seed}".encode())
    for file in sorted([*_PACKAGE.glob("*.py"), *_PACKAGE.glob("*.toml")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _complete(directory: Path, version: str) -> bool:
    stamp = directory / STAMP
    stamped = stamp.is_file() and stamp.read_text(encoding="ascii") == version
    return stamped and all((directory / part).exists() for part in _PARTS)


def _refuse_foreign(directory: Path) -> None:
    if directory.exists() and not (directory / STAMP).is_file() and any(directory.iterdir()):
        raise NotOurs(directory)


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Allow one build at a time below `parent`. The lock ends with its process and leaves no file."""
    handle = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
