"""What a MariaDB server holds up: locks of others; and by whose clock, and over which connection, it is read."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pymysql
import pytest

from services.contract.spec import AttachmentSpec, Blob, BlobKey, JobSpec, ReadingMode, Relation, SourceRef
from services.worker.sources.errors import SourceFailed
from services.worker.sources.sources import Sources
from services.worker.sources.sql.mysql.settings import MysqlSettings
from tests.integration.sources.source_specs import opened, read, spec_of
from tests.servers import mariadb
from tests.tiers import deep

pytestmark = mariadb.needed
LOCKED = "The source 'things' cannot be read now: the data is locked there."
SPEC = spec_of("sql", {"id": "integer"})


@pytest.fixture
def settings() -> MysqlSettings:
    url = mariadb.new_database(
        "create table t (id int primary key, content blob)", "insert into t values (1, 'a'), (2, 'b')"
    )
    return MysqlSettings("things", url.replace("mysql:", "mysql+pymysql:"), lock_timeout_s=0.1)


def database_of(settings: MysqlSettings) -> str:
    return settings.url.partition("?")[0].rpartition("/")[2]


@contextmanager
def migrated(settings: MysqlSettings) -> Iterator[None]:
    """A migration is under way, which nobody can read beside."""
    connection = pymysql.connect(unix_socket=mariadb.socket(), user="root", database=database_of(settings))
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("lock tables t write")
        yield


@pytest.mark.parametrize("reading", ReadingMode)
@pytest.mark.parametrize(
    "relation",
    [Relation(table="t"), pytest.param(Relation(query="select id from t"), marks=deep)],
    ids=["table", "query"],
)
def test_a_table_that_is_locked_is_not_waited_for(
    settings: MysqlSettings, reading: ReadingMode, relation: Relation
) -> None:
    spec = replace(SPEC, reading=reading, relation=relation)
    with migrated(settings), pytest.raises(SourceFailed) as failed:
        read(settings, spec)
    assert (failed.value.code, failed.value.message) == ("SOURCE_UNAVAILABLE", LOCKED)
    assert len(read(settings, spec).rows) == 2


@deep
def test_an_attachment_in_a_table_that_is_locked_is_not_waited_for(settings: MysqlSettings) -> None:
    attachment = AttachmentSpec(
        "a.txt", SourceRef("things", "sql"), "{id}", Blob(Relation(table="t"), "content", (BlobKey("id", "id"),))
    )
    with closing(Sources({"things": settings}).open_attachments((attachment,))) as files:
        with migrated(settings), pytest.raises(SourceFailed, match="is locked there"):
            files.open(attachment, "1", {"id": "1"})
        content = files.open(attachment, "1", {"id": "1"})
        assert content is not None
        assert content.read() == b"a"


def moment(settings: MysqlSettings, spec: JobSpec = SPEC) -> datetime:
    with opened(settings, spec) as reading:
        assert reading.as_of is not None
        return reading.as_of


def test_the_moment_of_a_reading_is_that_of_the_server(settings: MysqlSettings) -> None:
    """A worker whose clock is ahead would have the next export begin behind rows that this one did not see."""
    slow = replace(settings, url=f"{settings.url}&init_command=set%20timestamp%3D1000000000")
    assert moment(slow) == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert abs(moment(settings) - datetime.now(UTC)) < timedelta(hours=1)
