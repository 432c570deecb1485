"""What delays a PostgreSQL server, and what it is left with: locks of others, and backends of killed children."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from services.contract.spec import Blob, BlobKey, JobSpec, ReadingMode, Relation
from services.worker.sources.access import RowOptions
from services.worker.sources.errors import SourceFailed
from services.worker.sources.sql.postgres.blobs import PostgresBlobs
from services.worker.sources.sql.postgres.copy import opened as opened_lines
from services.worker.sources.sql.postgres.guards import tls_words
from services.worker.sources.sql.postgres.settings import PostgresSettings
from services.worker.sources.sql.postgres.transaction import with_options
from tests.integration.sources.copy_jobs import csv_spec
from tests.integration.sources.source_specs import read, spec_of
from tests.patience import PATIENCE_S
from tests.servers import databases

SOON_S = 0.3
LOCKED = "The source 'things' cannot be read now: the data is locked there."
ENDLESS = """
import sys
from services.contract.spec import Relation
from services.worker.sources.sql.postgres.settings import PostgresSettings
from tests.integration.sources.source_specs import read, spec_of

endless = Relation(query="select pg_sleep(86400)::text as id")
read(PostgresSettings("things", sys.argv[1]), spec_of("sql", {"id": "text"}, relation=endless))
"""


@pytest.fixture
def url() -> str:
    return databases.new_database(
        "create table things (id int8 primary key, v text, content bytea)", "insert into things values (1, 'a', 'b')"
    )


@contextmanager
def migrated(url: str) -> Iterator[None]:
    """A migration is under way, which nobody can read beside."""
    with psycopg.connect(url) as migration:
        migration.execute("lock table things in access exclusive mode")
        yield
        migration.rollback()


def settings_of(url: str) -> PostgresSettings:
    return PostgresSettings("things", url, lock_timeout_s=SOON_S)


@pytest.mark.parametrize("reading", ReadingMode)
def test_a_table_that_is_locked_is_not_waited_for(url: str, reading: ReadingMode) -> None:
    spec = replace(spec_of("sql", {"id": "integer", "v": "text"}, relation=Relation(table="things")), reading=reading)
    with migrated(url), pytest.raises(SourceFailed) as failed:
        read(settings_of(url), spec)
    assert (failed.value.code, failed.value.message) == ("SOURCE_UNAVAILABLE", LOCKED)
    assert len(read(settings_of(url), spec).rows) == 1


def test_lines_of_a_table_that_is_locked_are_not_waited_for(url: str) -> None:
    spec = csv_spec({"id": "integer", "v": "text"}, relation=Relation(table="things"))
    with migrated(url), pytest.raises(SourceFailed) as failed:
        _take_lines(settings_of(url), spec)
    assert failed.value.message == LOCKED


def _take_lines(settings: PostgresSettings, spec: JobSpec) -> None:
    with opened_lines(settings, spec, RowOptions()) as lined:
        assert lined is not None
        list(lined.lines())


def test_an_attachment_in_a_table_that_is_locked_is_not_waited_for(url: str) -> None:
    blobs = PostgresBlobs(settings_of(url))
    blob = Blob(Relation(table="things"), "content", (BlobKey("id", "id"),))
    with migrated(url), pytest.raises(SourceFailed) as failed:
        blobs.find(blob, ("1",))
    blobs.close()
    assert failed.value.message == LOCKED


def test_the_backend_of_a_killed_child_ends(url: str) -> None:
    reader = subprocess.Popen([sys.executable, "-c", ENDLESS, url])
    with psycopg.connect(url, autocommit=True) as watcher:
        others = "select count(*) from pg_stat_activity where datname = current_database() and query like '%pg_sleep%'"
        others += " and pid <> pg_backend_pid() and state = 'active'"
        _until(watcher, others, 1)
        reader.kill()
        reader.wait()
        _until(watcher, others, 0)


def _until(watcher: psycopg.Connection, counting: str, count: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while watcher.execute(counting).fetchone() != (count,):
        assert time.monotonic() < end
        time.sleep(0.1)  # between two looks


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://h/d", "postgresql://h/d?connect_timeout=10&application_name=exportd-worker&"),
        ("postgresql://h/d?connect_timeout=3", "postgresql://h/d?connect_timeout=3&application_name=exportd-worker&"),
    ],
)
def test_what_an_address_says_itself_stays(url: str, expected: str) -> None:
    assert with_options(url).startswith(expected)
    assert with_options(with_options(url)) == with_options(url)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            'connection to server at "10.0.0.7", port 5432 failed: SSL error: certificate verify failed\n',
            "TLS: certificate verify failed",
        ),
        (
            'failed: server certificate for "a.test" does not match host name "b.test"',
            'TLS: server certificate for "a.test" does not match host name "b.test"',
        ),
        ('connection to server at "10.0.0.7", port 5432 failed: FATAL: password authentication failed for "x"', ""),
    ],
)
def test_of_a_failed_connection_the_reason_of_tls_is_told_and_nothing_else(said: str, expected: str) -> None:
    assert tls_words(said) == expected
