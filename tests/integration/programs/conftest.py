"""Both programs as processes, with a small database to export."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from tests.patience import PATIENCE_S
from tests.servers.new_database import put_new_database
from tests.servers.warm import Forked, WarmProgram

P = TypeVar("P", subprocess.Popen[str], Forked)

PROGRAMS = ("exportd-api", "exportd-worker")
READY = {"exportd-api": '"serving"', "exportd-worker": '"worker_ready"'}
"""What stands in the line of the log with which a program is up."""

CATALOG = """
[sources.shop]
kind = "sql"
[collections.Orders]
path = "/orders"
source = "shop"
table = "orders"
key = "id"
formats = ["CSV"]
columns = [{ field = "id" }]
[collections.Missing]
path = "/missing"
source = "shop"
table = "missing"
key = "id"
formats = ["CSV"]
columns = [{ field = "id" }]
"""


@dataclass(frozen=True)
class Place:
    """A folder with a catalog, sources and a database: `environ` is what each program starts with there."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def database(self) -> Path:
        return self.data / "exportd.sqlite3"

    def environ(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EXPORTD_")}
        own = {
            "EXPORTD_CATALOG": str(self.folder / "catalog.toml"),
            "EXPORTD_SOURCES": str(self.folder / "sources.toml"),
            "EXPORTD_DATA_DIR": str(self.data),
            "EXPORTD_LISTEN": "127.0.0.1:0",
            "EXPORTD_QUEUE_LISTEN": "127.0.0.1:0",
            "EXPORTD_QUEUE_ADDRESS": "127.0.0.1:1",
            "EXPORTD_API_METRICS": "off",
            "EXPORTD_WORKER_METRICS": "off",
            "EXPORTD_LOG_FORMAT": "json",
            "EXPORTD_SLOTS": "1",
        }
        return kept | own | more


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    (tmp_path / "sources.toml").write_text('[sources.shop]\nkind = "sql"\nurl = "sqlite:///shop.sqlite3"\n')
    with closing(sqlite3.connect(tmp_path / "shop.sqlite3")) as shop, shop:
        shop.execute("create table orders (id integer primary key)")
        shop.executemany("insert into orders values (?)", [(n,) for n in range(3)])
    return Place(tmp_path)


def path_of(program: str) -> Path:
    return Path(sys.executable).with_name(program)


def ended(
    program: str, *arguments: str, environ: Mapping[str, str], folder: Path | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    """A program that must end by itself."""
    return subprocess.run(
        [path_of(program), *arguments],
        env=dict(environ), cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False, **more,
    )  # fmt: skip


@contextmanager
def started(command: Sequence[str | Path], environ: Mapping[str, str], **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that is dead when the context is left, and what it has started, too."""
    with dying(subprocess.Popen(command, env=dict(environ), text=True, **more)) as process:
        yield process


@contextmanager
def dying(process: P) -> Iterator[P]:
    """A process that is dead when the context is left, and what it has started, too."""
    try:
        yield process
    finally:
        family = [process, *_children(process.pid)]
        for one in family:
            one.kill()
        process.wait()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@dataclass(frozen=True)
class Running:
    """A process whose log goes to a file."""

    process: "subprocess.Popen[str] | Forked"
    log: Path

    def until_said(self, text: str, times: int = 1) -> None:
        """Wait until a text stands in the log so many times."""
        until(lambda: self.log.read_text().count(text) >= times, self)

    def ends(self) -> int:
        """Its exit code."""
        return self.process.wait(PATIENCE_S)


def until(holds: Callable[[], bool], running: Running | None = None) -> None:
    """Wait, but not for a process that has ended."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        assert running is None or running.process.poll() is None, running.log.read_text()
        time.sleep(0.01)  # between two looks


@contextmanager
def up(program: str, place: Place, forked_from: WarmProgram | None = None, **settings: str) -> Iterator[Running]:
    """A program that is ready: started as everybody does, or forked where a test is not of the start."""
    put_new_database(place.database)
    log, environ = place.folder / f"{program}.log", place.environ(**settings)
    with ExitStack() as stack:
        file = stack.enter_context(log.open("w"))
        if forked_from:
            process = stack.enter_context(dying(forked_from.begin(env=environ, stderr=file.fileno())))
        else:
            process = stack.enter_context(started([path_of(program)], environ, stderr=file))
        running = Running(process, log)
        running.until_said(READY[program])
        yield running
