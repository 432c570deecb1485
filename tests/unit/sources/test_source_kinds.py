"""What is true of every kind of source, whichever comes next."""

from typing import Any

import pytest

from services.api.catalog.definition.source_kinds import SOURCE_KINDS
from services.runtime.toml import Mistake, Table
from services.worker.sources.kind import SourceKind
from services.worker.sources.kinds import KINDS, kind_in


def named(word: str) -> list[SourceKind[Any]]:
    return [kind for kind in KINDS if kind.word == word]


def test_the_catalog_and_the_worker_know_the_same_kinds() -> None:
    assert {kind.word for kind in KINDS} == set(SOURCE_KINDS)


@pytest.mark.parametrize("word", SOURCE_KINDS)
def test_the_catalog_takes_from_a_kind_what_the_worker_can_read_of_it(word: str) -> None:
    for kind in named(word):
        assert kind.rows == bool(SOURCE_KINDS[word].relations), kind.settings
        assert kind.attachments == (SOURCE_KINDS[word].attachments is not None), kind.settings


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.settings.__name__)
def test_of_every_kind_there_is_access_to_what_it_says_it_has(kind: SourceKind[Any]) -> None:
    access = kind.access()
    assert (access.open_rows is not None, access.open_attachments is not None) == (kind.rows, kind.attachments)
    assert (kind.introspect() is not None) == kind.rows


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///a", "SqliteSettings"),
        ("sqlite+pysqlite:///a", "OtherSqlSettings"),
        ("postgresql://host/db", "PostgresSettings"),
        ("postgres://host/db", "PostgresSettings"),
        ("postgresql+psycopg2://host/db", "PostgresSettings"),
        ("mysql+pymysql://host/db", "MysqlSettings"),
        ("mysql://host/db", "MysqlSettings"),
        ("mariadb://host/db", "MysqlSettings"),
        ("mysql+mysqlconnector://host/db", "OtherSqlSettings"),
        (5, "OtherSqlSettings"),
    ],
)
def test_the_address_of_a_database_says_who_reads_it(url: object, name: str) -> None:
    kind = kind_in(Table("[sources.a]", {"kind": "sql", "url": url}, None, []))
    assert kind
    assert kind.settings.__name__ == name


@pytest.mark.parametrize("word", ["", "SQL", "excel", 5, None])
def test_a_kind_that_nobody_knows_is_a_mistake(word: object) -> None:
    mistakes: list[Mistake] = []
    assert kind_in(Table("[sources.a]", {"kind": word}, None, mistakes)) is None
    assert [(m.table, m.key) for m in mistakes] == [("[sources.a]", "kind")]


@pytest.mark.parametrize("word", dict.fromkeys(kind.word for kind in KINDS))
def test_of_each_word_every_table_has_a_kind(word: str) -> None:
    assert kind_in(Table("[sources.a]", {"kind": word}, None, [])) in KINDS
