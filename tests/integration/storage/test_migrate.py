"""Databases of every age."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from services.api.domain.states import State
from services.api.ports.exports import ExportFilter, RequestMark
from services.api.storage.sql.schema.indexes import metadata
from services.api.storage.sql.stores import sql_store
from services.api.storage.sqlite.database import SqliteDatabase, writing_engine
from services.api.storage.sqlite.migrate import MIGRATIONS, ForeignKeysBroken, SchemaTooNew, SchemaTooOld, migrate
from services.api.storage.sqlite.schema import newest
from services.contract.errors import RequestIdReused
from tests.integration.storage.old_databases import restore
from tests.integration.storage.schemas import schema
from tests.ports.driving import WORKER
from tests.ports.samples import OPTIONS, SECOND, SPEC, START, STATS, new_export, new_file

OLDEST = "0004"
NEXT = f"{int(newest()) + 1:04}"
REBUILD = f'''
"""Rebuild the table that others refer to."""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{newest()}"

def upgrade():
    with op.batch_alter_table("exports", recreate="always") as batch:
        batch.add_column(sa.Column("note", sa.Text))
'''
BREAK = REBUILD + '\n    op.execute("UPDATE nowhere SET nothing = 1")\n'


@pytest.fixture
def database(tmp_path):
    return tmp_path / "exportd.sqlite3"


def later_version(folder: Path, source: str) -> Path:
    """The migrations of an exportd that go on with this one."""
    migrations = folder / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    (migrations / "versions" / f"{NEXT}_later.py").write_text(source)
    return migrations


async def fill(database):
    async with await SqliteDatabase.open(database) as db:
        return await sql_store(db).exports.create(new_export(), SPEC, RequestMark("r", b"d"))


def rows(database, query):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


# ---- the schema


@pytest.fixture
def made(tmp_path):
    """What the tables of the code look like in SQLite."""
    engine = writing_engine(tmp_path / "made.sqlite3")
    metadata.create_all(engine)
    return schema(engine)


def test_the_newest_revision_is_known_by_the_name_of_its_file():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert newest() == ScriptDirectory.from_config(config).get_current_head()


def test_the_migrations_lead_to_the_tables_that_the_code_uses(database, made):
    migrated = writing_engine(database)
    migrate(migrated, database)
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert schema(migrated) == made


def test_a_database_of_the_four_first_migrations_has_the_same_tables(database, made):
    restore(OLDEST, database)
    migrate(writing_engine(database), database)
    assert schema(writing_engine(database)) == made


# ---- old databases


@pytest.fixture
async def old(database):
    """The store on a database of an earlier version."""
    restore(OLDEST, database)
    async with await SqliteDatabase.open(database) as opened:
        yield sql_store(opened)


async def only(store, tenant: str):
    """The one export of a tenant."""
    (export,) = (await store.exports.page(tenant, ExportFilter(), "", 10)).exports
    return export


async def test_an_export_of_the_first_version_goes_on_as_it_was(old):
    export = await only(old, "acme")
    options = replace(OPTIONS, xlsx=None)
    expected = new_export(id=export.id, options=options, update_time=START, version=export.version, trace="")
    assert replace(export, warnings=()) == replace(expected, warnings=())
    assert [(str(warning.code), warning.count) for warning in export.warnings] == [("DATE_BARE", 1)]


async def test_what_another_version_stored_to_be_built_is_told_apart_from_what_can_be_built(old):
    """A spec of that version has other types: a claim that raises would delay every export behind it."""
    new = await old.exports.create(new_export(tenant="new", id="0" * 36), SPEC, None)
    claimed = {one.export.tenant: one for one in await old.leases.claim(WORKER, "poll", 10, START)}
    assert {tenant: one.spec for tenant, one in claimed.items()} == {"acme": None, "new": SPEC}
    assert claimed["new"].export.id == new.id


async def test_exports_of_an_old_database_stand_where_they_stood(old):
    tenants = ("acme", "done", "stopped", "broken", "hopeless", "busy")
    states = {tenant: (await only(old, tenant)).state for tenant in tenants}
    assert states == {
        "acme": State.QUEUED,
        "done": State.COMPLETED,
        "stopped": State.CANCELLED,
        "broken": State.FAILED,
        "hopeless": State.CANCELLED,
        "busy": State.PROCESSING,
    }
    done = await only(old, "done")
    assert await old.exports.get_by_file("done", done.attachments_file.id) == done
    assert (done.callback_sent, done.email_sent, done.encrypted) == (True, False, True)
    assert [entry.event for entry in await old.exports.transitions("done", done.id)] == ["CREATE", "LEASE", "COMPLETE"]
    assert (await old.exports.page("gone", ExportFilter(), "", 10)).exports == ()
    assert {queue.tenant: queue.vtime for queue in await old.figures.queue()}["busy"] == 3_000_000


async def test_what_an_old_version_began_is_ended_by_this_one(old):
    busy = await only(old, "busy")
    assert await old.leases.unconfirmed(WORKER, START + 60 * SECOND) == []
    assert [export.id for export in await old.leases.expire(START + timedelta(hours=1))] == [busy.id]
    later = START + timedelta(hours=2)
    claimed = {one.export.tenant: one for one in await old.leases.claim(WORKER, "poll", 10, later)}
    assert set(claimed) == {"acme", "broken", "busy"}
    for one in claimed.values():
        file = replace(new_file(one.export.id, now=later), id=f"file of {one.export.id}")
        ended = await old.leases.complete(one.ref, file, STATS, later)
        assert ended.state is State.COMPLETED
    held = await old.outbox.hold(10, later + 30 * SECOND, later)
    assert {(one.delivery.tenant, one.delivery.attempt) for one in held} == {("done", 2), ("hopeless", 1)}
    with pytest.raises(RequestIdReused):
        await old.exports.create(new_export(tenant="stopped"), SPEC, RequestMark("order-66", b"another"))


def test_an_old_database_is_brought_up_to_date_with_all_that_it_holds(database, tmp_path):
    restore(OLDEST, database)
    counts = (f"(SELECT count(*) FROM {table})" for table in ("exports", "transitions", "deliveries"))
    counting = f"SELECT {', '.join(counts)}"
    before = rows(database, counting)
    migrate(writing_engine(database), database, later_version(tmp_path, REBUILD))
    assert rows(database, "SELECT version_num FROM alembic_version") == [(NEXT,)]
    assert rows(database, counting) == before == [(7, 23, 3)]
    assert rows(database, "SELECT DISTINCT note FROM exports") == [(None,)]


# ---- upgrades


async def test_an_up_to_date_database_is_left_alone(database):
    export = await fill(database)
    before = sorted(path.name for path in database.parent.iterdir())
    async with await SqliteDatabase.open(database) as db:
        assert await sql_store(db).exports.get("acme", export.id) == export
    assert sorted(path.name for path in database.parent.iterdir()) == before == ["exportd.sqlite3"]


async def test_a_rebuilt_table_keeps_what_refers_to_it_and_a_copy_is_made_first(database, tmp_path):
    export = await fill(database)
    migrate(writing_engine(database), database, later_version(tmp_path, REBUILD))
    assert rows(database, "SELECT id, note FROM exports") == [(export.id, None)]
    assert rows(database, "SELECT export_id FROM requests") == [(export.id,)]
    copy = database.with_name(f"exportd.sqlite3.{newest()}.backup")
    assert rows(copy, "SELECT version_num FROM alembic_version") == [(newest(),)]
    assert rows(copy, "SELECT id FROM exports") == [(export.id,)]


async def test_a_migration_that_fails_changes_nothing_and_can_be_repeated(database, tmp_path):
    export = await fill(database)
    broken = later_version(tmp_path, BREAK)
    for _ in range(2):
        with pytest.raises(sa.exc.OperationalError, match="nowhere"):
            migrate(writing_engine(database), database, broken)
    assert rows(database, "SELECT version_num FROM alembic_version") == [(newest(),)]
    assert rows(database, "SELECT id FROM exports") == [(export.id,)]


def test_rows_that_point_nowhere_are_told_and_nothing_is_changed(database, tmp_path):
    migrate(writing_engine(database), database)
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("INSERT INTO requests VALUES ('acme', 'r', x'00', 'nowhere', 0)")
    with pytest.raises(ForeignKeysBroken, match="row 1 of requests refers to a row of exports that is not there"):
        migrate(writing_engine(database), database, later_version(tmp_path, REBUILD))
    assert rows(database, "SELECT version_num FROM alembic_version") == [(newest(),)]


async def test_a_newer_database_is_refused(database, tmp_path):
    migrate(writing_engine(database), database, later_version(tmp_path, REBUILD))
    with pytest.raises(SchemaTooNew, match=f"has schema {NEXT} and this version of exportd knows {newest()} at most"):
        await SqliteDatabase.open(database)


async def test_a_database_that_no_migration_leads_on_from_is_refused(database):
    migrate(writing_engine(database), database)
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '0003'")
    with pytest.raises(SchemaTooOld, match=r"has schema 0003 and .* from 0004 on"):
        await SqliteDatabase.open(database)
