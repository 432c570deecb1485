"""The tables are those of any SQL engine: PostgreSQL takes every one of them, with its rules and its indexes."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from services.api.storage.sql.rows import new_row, to_export
from services.api.storage.sql.schema.indexes import metadata
from services.api.storage.sql.schema.rules import RULES
from services.api.storage.sql.tables import exports
from tests.ports.samples import SPEC, new_export
from tests.servers.databases import new_database

INDEXES = [index for table in metadata.sorted_tables for index in table.indexes]


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_a_table_is_spelled_for_postgresql(table):
    assert str(CreateTable(table).compile(dialect=postgresql.dialect())).count("CONSTRAINT") == len(table.constraints)


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.name)
def test_a_partial_index_is_one_in_postgresql_too(index):
    there = str(CreateIndex(index).compile(dialect=postgresql.dialect()))
    assert ("WHERE" in there) == (index.dialect_options["sqlite"]["where"] is not None)


@pytest.fixture(scope="module")
def postgres():
    address, _, query = new_database().partition("?")
    engine = sa.create_engine(f"postgresql+psycopg://postgres@/{address.rpartition('/')[2]}?{query}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_postgresql_makes_all_of_them(postgres):
    made = sa.inspect(postgres)
    assert set(made.get_table_names()) == set(metadata.tables)
    assert {check["name"] for check in made.get_check_constraints("exports")} == {f"exports_{name}" for name in RULES}
    assert {i["name"] for i in made.get_indexes("exports")} == {i.name for i in exports.indexes}


def test_a_row_is_read_back_from_postgresql_as_it_was_written(postgres):
    export = new_export()
    with postgres.begin() as db:
        db.execute(sa.insert(exports), new_row(export, SPEC, None))
        row = db.execute(sa.select(exports).where(exports.c.id == export.id)).mappings().one()
    assert to_export(row) == export


@pytest.mark.parametrize(
    ("rule", "export", "sealed"),
    [
        ("attempt_left", new_export(attempt=3), None),
        ("password_until_done", new_export(encrypted=True), None),
        ("priority_known", new_export(priority=10), None),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_by_postgresql(postgres, rule, export, sealed):
    row = new_row(export, SPEC, sealed) | {"lease_count": export.attempt}
    with pytest.raises(sa.exc.IntegrityError, match=f"exports_{rule}"), postgres.begin() as db:
        db.execute(sa.insert(exports), row)
