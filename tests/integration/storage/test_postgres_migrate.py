"""The schema in PostgreSQL: made by a command, beside processes that use it, and looked at by each start."""

import shutil
import sys
import threading
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from services.api.commands import migrate as command
from services.api.storage.postgres.connections import Address, NoDatabase
from services.api.storage.postgres.migrate import MIGRATIONS, Migrated, migrate
from services.api.storage.postgres.schema import SchemaNewer, SchemaOlder, check, newest
from services.api.storage.sql.schema.indexes import metadata
from tests.integration.storage.postgres_schema import postgres_schema
from tests.servers.databases import new_database, run

LATER = '''
"""{doc}"""
from alembic import op

revision = "9999"
down_revision = "{newest}"

def upgrade():
    {does}
'''
EXPAND = "op.execute('ALTER TABLE exports ADD COLUMN note TEXT')"
CONTRACT = EXPAND + "\n    op.execute(\"UPDATE schema_support SET oldest = '9999'\")"
BREAK = EXPAND + "\n    op.execute('UPDATE nowhere SET nothing = 1')"


@pytest.fixture
def address():
    return Address(new_database())


def later_version(folder: Path, does: str) -> Path:
    """The migrations of an exportd that go on with this one."""
    migrations = folder / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    (migrations / "versions" / "9999_later.py").write_text(LATER.format(doc="Later.", newest=newest(), does=does))
    return migrations


def columns(address, table="exports"):
    named = "select column_name from information_schema.columns where table_name = %s"
    with psycopg.connect(address.url) as db:
        return {name for (name,) in db.execute(named, (table,))}


def test_the_newest_revision_is_known_by_the_name_of_its_file():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert newest() == ScriptDirectory.from_config(config).get_current_head()


def test_the_migrations_lead_to_the_tables_that_the_code_uses(address):
    """Where this fails, a change of tables.py lacks its migration; one for each engine."""
    made = Address(new_database())
    metadata.create_all(made.writing_engine())
    migrate(address)
    ours, codes = postgres_schema(address.writing_engine()), postgres_schema(made.writing_engine())
    assert {part: ours[part] ^ codes[part] for part in codes} == {part: set() for part in codes}


def test_migrating_twice_changes_nothing_and_at_once_is_done_once(address):
    done = []
    threads = [threading.Thread(target=lambda: done.append(migrate(address))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done, key=lambda one: one.before or "") == [
        Migrated(None, newest()),
        *[Migrated(newest(), newest())] * 2,
    ]


def test_a_start_refuses_an_older_schema_and_names_the_command(address):
    with pytest.raises(SchemaOlder, match=r"no tables of exportd yet .* run `exportd-api migrate`"):
        check(address)
    migrate(address)
    check(address)
    run(address.url, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(SchemaOlder, match=f"has schema 0000 and this version of exportd works with schema {newest()}"):
        check(address)


def test_a_version_goes_on_beside_a_schema_that_was_expanded_and_not_beside_one_that_was_contracted(address, tmp_path):
    migrate(address, later_version(tmp_path / "a", EXPAND))
    check(address)
    assert migrate(address) == Migrated("9999", "9999")
    contracted = Address(new_database())
    migrate(contracted, later_version(tmp_path / "b", CONTRACT))
    with pytest.raises(SchemaNewer, match=f"needs a version of exportd that knows 9999, and this one knows {newest()}"):
        check(contracted)


def test_a_migration_that_fails_changes_nothing_and_can_be_repeated(address, tmp_path):
    migrate(address)
    broken = later_version(tmp_path, BREAK)
    for _ in range(2):
        with pytest.raises(sa.exc.ProgrammingError, match="nowhere"):
            migrate(address, broken)
    assert "note" not in columns(address)
    check(address)


def test_a_migration_waits_for_who_uses_a_table_and_holds_up_nobody_for_long(address, tmp_path, monkeypatch):
    migrate(address)
    monkeypatch.setattr("services.api.storage.postgres.migrate.MAX_WAIT", "20ms")
    later = later_version(tmp_path, EXPAND)
    with address.writing_engine().begin() as db:
        db.exec_driver_sql("SELECT count(*) FROM exports")
        migrating = threading.Thread(target=migrate, args=(address, later))
        monkeypatch.setattr("services.api.storage.postgres.migrate.MAX_TRIES", 1_000)
        migrating.start()
        with address.writing_engine().begin() as other:  # queues behind a lock that is waited for, were it not given up
            other.exec_driver_sql("SELECT count(*) FROM exports")
        assert migrating.is_alive()
    migrating.join()
    assert "note" in columns(address)


# ---- the command


def test_the_command_says_what_it_did(address, capsys):
    for told in (f"has schema {newest()} now", f"has schema {newest()} already"):
        assert command.run([], {"EXPORTD_DATABASE": address.url}, sys.stdout) == 0
        out = capsys.readouterr().out
        assert told in out
        assert "postgres:@" not in out


def test_the_command_brings_a_sqlite_file_up_to_date_too(tmp_path, capsys):
    assert command.run([], {"EXPORTD_DATA_DIR": str(tmp_path / "data")}, sys.stdout) == 0
    assert "exportd.sqlite3: has schema" in capsys.readouterr().out


def test_a_database_that_does_not_answer_is_told_without_its_password(tmp_path):
    nobody = Address(f"postgresql://exportd:hush@/exportd?host={tmp_path}")
    for using in (check, migrate):
        with pytest.raises(NoDatabase, match="EXPORTD_DATABASE: PostgreSQL database exportd at") as refused:
            using(nobody)
        assert "hush" not in str(refused.value)
    assert "hush" not in repr(nobody)
