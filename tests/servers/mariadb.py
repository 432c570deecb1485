"""Databases of one MariaDB that lasts as long as the tests of this process; where it is not installed, tests skip."""

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from itertools import count
from pathlib import Path

import pymysql
import pytest

from demo.ports import free_port

_NUMBERS = count(1)
_START_S = 60


def program(*names: str) -> str:
    """The path of the first of these programs that is installed; empty when none is."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    return next((found for name in names if (found := shutil.which(name, path=path))), "")


INSTALLED = bool(program("mariadbd") and program("mariadb-install-db"))
needed = pytest.mark.skipif(not INSTALLED, reason="needs mariadbd: Debian's mariadb-server-core")


@cache
def socket() -> str:
    """The socket of the server, which is started; no network."""
    directory, server = _started("--skip-networking")
    atexit.register(_stop, server, directory)
    return str(directory / "socket")


@contextmanager
def over_tls(chain: Path) -> Iterator[int]:
    """The port on loopback of a server of its own, which speaks TLS with a key and its certificate."""
    port = free_port()
    tls = (f"--ssl-cert={chain}", f"--ssl-key={chain}")
    directory, server = _started("--bind-address=127.0.0.1", f"--port={port}", *tls)
    try:
        yield port
    finally:
        _stop(server, directory)


def _started(*networking: str) -> tuple[Path, "subprocess.Popen[bytes]"]:
    directory = Path(tempfile.mkdtemp(prefix="exportd-mariadb-"))
    data, place = directory / "data", directory / "socket"
    options = ["--no-defaults", f"--datadir={data}"]
    subprocess.run(
        [program("mariadb-install-db"), *options, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
    )
    log = (directory / "log").open("wb")
    server = subprocess.Popen(
        [
            program("mariadbd"),
            *options,
            f"--socket={place}",
            f"--pid-file={directory}/pid",
            "--user=root",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=32M",
            "--default-time-zone=-05:00",  # what the server thinks of time must not matter
            *networking,
        ],
        stdout=log,
        stderr=log,
    )
    end = time.monotonic() + _START_S
    while not place.exists():
        assert server.poll() is None, (directory / "log").read_text()
        assert time.monotonic() < end, (directory / "log").read_text()
        time.sleep(0.05)  # it says nowhere else that it is ready
    return directory, server


def _stop(server: "subprocess.Popen[bytes]", directory: Path) -> None:
    server.kill()
    server.wait()
    shutil.rmtree(directory, ignore_errors=True)


def new_database(*statements: str) -> str:
    """The address of an empty database in which the statements were run."""
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    run("", f"create database {name} character set utf8mb4 collate utf8mb4_general_ci")
    run(name, *statements)
    return f"mysql://root@localhost/{name}?unix_socket={socket()}"


def run(database: str, *statements: str) -> None:
    """Run statements, each committed."""
    connection = pymysql.connect(unix_socket=socket(), user="root", database=database or None, autocommit=True)
    with closing(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
