"""Checks of the database: whether it answers, its schema, its durability and its clock."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import sqlalchemy as sa

from services.api.doctor.finding import Finding, fault, ok, warning
from services.api.settings import ApiSettings, DatabaseSettings
from services.api.storage.datadir import DataDirectory
from services.api.world import World
from services.runtime.startup import CannotStart

OLDEST_VERSION = 140_000
"""PostgreSQL 14, as the server numbers it."""

MAX_CLOCK_DIFFERENCE = timedelta(seconds=2)
SLOW_S = 0.02

_SETTINGS = ("fsync", "full_page_writes")
"""Without these PostgreSQL may lose or damage what it has acknowledged."""


def database(settings: ApiSettings, world: World) -> Iterator[Finding]:
    """Check the database that the settings name. Nothing is created or changed."""
    if settings.database is None:
        yield from _file(settings)
    else:
        yield from _server(settings.database, world)


def _file(settings: ApiSettings) -> Iterator[Finding]:
    file = DataDirectory.database_in(settings.data_dir)
    if not file.exists():
        yield ok("database", f"{file} is created at the first start")
        return
    from services.api.storage.sqlite.schema import newest  # noqa: PLC0415 - only one of the two is needed

    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as connection:
            damage = [row[0] for row in connection.execute("PRAGMA quick_check(3)") if row[0] != "ok"]
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as unusable:
        yield fault("database", f"{file} cannot be used: {unusable}", "bring a backup back: docs/operate.md")
        return
    if damage:
        yield fault("database", f"{file} is damaged: {'; '.join(damage)}", "bring a backup back: docs/operate.md")
    elif revision > newest():
        yield fault("database", f"{file} has schema {revision}, this version knows {newest()}", "start a newer version")
    else:
        later = "" if revision == newest() else f"; the next start brings it to {newest()}"
        yield ok("database", f"{file} has schema {revision}{later}")


def _server(given: DatabaseSettings, world: World) -> Iterator[Finding]:
    from services.api.storage.postgres.connections import Address  # noqa: PLC0415 - only one of the two is needed
    from services.api.storage.postgres.schema import check  # noqa: PLC0415

    address = Address(given.url, given.pooled)
    try:
        check(address)
    except CannotStart as problem:
        yield fault("database", str(problem), "see the message")
        return
    engine = address.reading_engine()
    try:
        with engine.connect() as connection:
            yield from _answers(connection, str(address), world)
    finally:
        engine.dispose()


def _answers(connection: sa.Connection, address: str, world: World) -> Iterator[Finding]:
    version = int(_shown(connection, "server_version_num"))
    if version < OLDEST_VERSION:
        yield fault("database", f"{address} has version {version // 10_000}", "PostgreSQL 14 or newer is needed")
    else:
        yield ok("database", f"{address}: version {version // 10_000}, schema as this version needs it")
    for off in (name for name in _SETTINGS if _shown(connection, name) == "off"):
        yield fault("durability", f"{off} is off", "set it to on: a crash of the server may lose what was acknowledged")
    if _shown(connection, "synchronous_commit") == "off":
        yield fault("durability", "synchronous_commit is off", "set it to on for the role and the database of exportd")
    yield from _times(connection, world)


def _times(connection: sa.Connection, world: World) -> Iterator[Finding]:
    before = world.monotonic()
    theirs = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    took = world.monotonic() - before
    if took > SLOW_S:
        yield warning("latency", f"a query takes {took * 1000:.0f} ms", "put api and database near each other")
    else:
        yield ok("latency", f"a query takes {took * 1000:.1f} ms")
    apart = abs(theirs - world.wall())
    if apart > MAX_CLOCK_DIFFERENCE:
        yield warning(
            "clock",
            f"this machine and the database differ by {apart.total_seconds():.1f} s",
            "synchronise both clocks: leases use the database's, certificates and callbacks this machine's",
        )
    else:
        yield ok("clock", f"this machine and the database differ by {apart.total_seconds():.3f} s")


def _shown(connection: sa.Connection, name: str) -> str:
    return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())
