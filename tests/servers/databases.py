"""Databases of one PostgreSQL that lasts as long as the tests of this process."""

import atexit
import os
from contextlib import ExitStack
from functools import cache
from itertools import count

import psycopg

from demo.postgres import postgres

_NUMBERS = count(1)
_RUNNING = ExitStack()


@cache
def server() -> str:
    """The address of its first database."""
    atexit.register(_RUNNING.close)
    url = _RUNNING.enter_context(postgres())
    # It would look after each of hundreds of databases again and again.
    run(url, "alter system set autovacuum = off", "select pg_reload_conf()")
    return url


def close() -> None:
    """End the server, if there is one. At the end of a process it is too late: xdist does not wait for those."""
    _RUNNING.close()


def url_of(database: str) -> str:
    """The address of a database."""
    address, _, query = server().partition("?")
    return f"{address.rpartition('/')[0]}/{database}?{query}"


def new_database(*statements: str, options: str = "") -> str:
    """The address of an empty database in which the statements were run. `options` are those of CREATE DATABASE."""
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    run(server(), f"create database {name} {options}")
    if statements:
        run(url_of(name), *statements)
    return url_of(name)


def run(url: str, *statements: str) -> None:
    """Run statements, each committed."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
