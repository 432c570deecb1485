"""Databases of every age."""

import shutil
import sqlite3
from dataclasses import replace

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.api.domain.leases import LeasePolicy
from services.api.ports.exports import RequestMark
from services.api.storage.sql.rows import new_row
from services.api.storage.sql.store import SqliteExportStore
from services.api.storage.sql.tables import metadata
from services.api.storage.sqlite import migrate as migrate_module
from services.api.storage.sqlite.database import SqliteDatabase, writing_engine
from services.api.storage.sqlite.migrate import SchemaTooNew, migrate
from tests.integration.storage.old_databases import make_first_schema
from tests.ports.driving import lease
from tests.ports.samples import OPTIONS, SPEC, new_export

REBUILD = '''
"""Rebuild the table that others refer to."""
import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

def upgrade():
    with op.batch_alter_table("exports", recreate="always") as batch:
        batch.add_column(sa.Column("note", sa.Text))
'''
BREAK = REBUILD + '\n    op.execute("UPDATE nowhere SET nothing = 1")\n'


@pytest.fixture
def database(tmp_path):
    return tmp_path / "exportd.sqlite3"


@pytest.fixture
def later_version(tmp_path, monkeypatch):
    """An exportd whose migrations go on with this one."""

    def become(source: str) -> None:
        migrations = tmp_path / "migrations"
        shutil.copytree(migrate_module.MIGRATIONS, migrations)
        (migrations / "versions" / "0005_later.py").write_text(source)
        monkeypatch.setattr(migrate_module, "MIGRATIONS", migrations)

    return become


async def fill(database):
    async with await SqliteDatabase.open(database) as db:
        store = SqliteExportStore(db, LeasePolicy())
        return await store.create(new_export(), SPEC, RequestMark("r", b"d"))


def rows(database, query):
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def schema(engine):
    """All that SQLite knows of the tables, without the order in which they and their rules were written."""
    inspector = sa.inspect(engine)
    return {
        table: (
            sorted((c["name"], c["sqltext"]) for c in inspector.get_check_constraints(table)),
            sorted(str(sorted(key.items(), key=str)) for key in inspector.get_foreign_keys(table)),
            sorted(
                (i["name"], i["column_names"], str(i["dialect_options"].get("sqlite_where")))
                for i in inspector.get_indexes(table)
            ),
            [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)],
        )
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }


def test_the_migrations_lead_to_the_tables_that_the_code_uses(database, tmp_path):
    migrated = writing_engine(database)
    migrate(migrated, database)
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []

    made = writing_engine(tmp_path / "made.sqlite3")
    metadata.create_all(made)
    assert schema(migrated) == schema(made)


async def test_a_database_of_the_first_version_goes_on_as_it_was(database, tmp_path, monkeypatch):
    make_first_schema(database, tmp_path, monkeypatch)
    export = new_export(options=replace(OPTIONS, xlsx=None))
    later = {"encrypted", "sealed_password", "attachments_id", "attachments"}
    later |= {"priority", "notify_email", "callback_url", "email_sent", "callback_sent"}
    row = {name: value for name, value in new_row(export, SPEC, None).items() if name not in later}
    row["options"] = {name: v for name, v in row["options"].items() if name not in {"csv", "xlsx", "compression"}}
    insert = sa.text(f"INSERT INTO exports ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})")
    with writing_engine(database).begin() as connection:
        connection.execute(
            insert.bindparams(*(sa.bindparam(n, type_=metadata.tables["exports"].c[n].type) for n in row)), row
        )
    async with await SqliteDatabase.open(database) as db:
        store = SqliteExportStore(db, LeasePolicy())
        assert await store.get("acme", export.id) == export
        claimed = await lease(store)
        assert (claimed.spec, claimed.sealed_password) == (SPEC, None)


async def test_an_up_to_date_database_is_left_alone(database):
    export = await fill(database)
    before = sorted(path.name for path in database.parent.iterdir())
    async with await SqliteDatabase.open(database) as db:
        store = SqliteExportStore(db, LeasePolicy())
        assert await store.get("acme", export.id) == export
    assert sorted(path.name for path in database.parent.iterdir()) == before == ["exportd.sqlite3"]


async def test_a_rebuilt_table_keeps_what_refers_to_it_and_a_copy_is_made_first(database, later_version):
    export = await fill(database)
    later_version(REBUILD)
    migrate(writing_engine(database), database)
    assert rows(database, "SELECT id, note FROM exports") == [(export.id, None)]
    assert rows(database, "SELECT export_id FROM requests") == [(export.id,)]
    copy = database.with_name("exportd.sqlite3.0004.backup")
    assert rows(copy, "SELECT version_num FROM alembic_version") == [("0004",)]
    assert rows(copy, "SELECT id FROM exports") == [(export.id,)]


async def test_a_migration_that_fails_changes_nothing_and_can_be_repeated(database, later_version):
    export = await fill(database)
    later_version(BREAK)
    for _ in range(2):
        with pytest.raises(sa.exc.OperationalError, match="nowhere"):
            migrate(writing_engine(database), database)
    assert rows(database, "SELECT version_num FROM alembic_version") == [("0004",)]
    assert rows(database, "SELECT id FROM exports") == [(export.id,)]


async def test_a_newer_database_is_refused(database, later_version, monkeypatch):
    known = migrate_module.MIGRATIONS
    later_version(REBUILD)
    migrate(writing_engine(database), database)
    monkeypatch.setattr(migrate_module, "MIGRATIONS", known)
    with pytest.raises(SchemaTooNew, match="has schema 0005 and this version of exportd knows 0004 at most"):
        await SqliteDatabase.open(database)
