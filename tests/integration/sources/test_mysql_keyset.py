"""Keys of MariaDB, by which rows are read piece by piece: each kind of column, in the server's own order."""

from dataclasses import replace
from typing import Any

import pytest

from services.contract.outcome import Consistency
from services.contract.spec import Operator, OrderTerm, ReadingMode, Relation, Term
from services.worker.sources.errors import SourceFailed
from services.worker.sources.sql import keyset
from services.worker.sources.sql.keyset import PAGE_ROWS
from services.worker.sources.sql.mysql import reading
from services.worker.sources.sql.mysql.settings import MysqlSettings
from tests.integration.sources.source_specs import Read, opened, read, rows_of, spec_of, type_of
from tests.servers import mariadb
from tests.tiers import deep, deep_but

pytestmark = mariadb.needed
ROWS = PAGE_ROWS + 5

KEYS = {
    "int": ("int", "cast(seq as signed) - 40000"),
    "unsigned": ("bigint unsigned", "18446744073709551615 - seq"),
    "decimal": ("decimal(38,10)", "cast('1234567890123456789012345678' as decimal(38,10)) + seq * 0.0000000001"),
    "double": ("double", "seq / 3"),
    "float": ("float", "seq / 4"),
    "date": ("date", "date_add('1900-01-01', interval seq day)"),
    "datetime": ("datetime(6)", "date_add('2026-01-01 00:00:00', interval seq * 7 microsecond)"),
    "timestamp": ("timestamp(6)", "date_add('2026-01-01 00:00:00', interval seq * 7 microsecond)"),
    "time": ("time(3)", "sec_to_time(seq / 100 - 400)"),
    "text": ("varchar(40)", "concat(char(65 + seq % 26), 'ñ''\\\\%s ', seq)"),
    "latin": ("varchar(40) charset latin1", "concat(char(224 + seq % 16 using latin1), seq)"),
    "bin": ("varbinary(20)", "unhex(md5(seq))"),
    "bit": ("bit(40)", "seq"),
    "uuid": ("uuid", "concat('00000000-0000-4000-8000-', lpad(hex(seq), 12, 0))"),
}


def settings(*statements: str) -> MysqlSettings:
    return MysqlSettings("things", mariadb.new_database(*statements).replace("mysql:", "mysql+pymysql:"))


def by_key(*key: str, relation: Relation | None = None, **changes: Any) -> Any:
    spec = spec_of("sql", {"n": "integer"}, order=[OrderTerm(k) for k in key], relation=relation)
    return replace(spec, key=key, reading=ReadingMode.KEYSET, **changes)


def read_by_key(source: MysqlSettings, *key: str, **changes: Any) -> Read:
    spec = by_key(*key, **changes)
    with opened(source, spec) as rows:
        assert (rows.consistency, rows.as_of) == (Consistency.KEYSET, None)
        return rows_of(rows, spec)


def failure(source: MysqlSettings, *key: str, **changes: Any) -> SourceFailed:
    with pytest.raises(SourceFailed) as failed:
        read(source, by_key(*key, **changes))
    return failed.value


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    """Rows of a piece: the tests below have those of everyday."""
    rows = 500
    for module in (keyset, reading):
        monkeypatch.setattr(module, "PAGE_ROWS", rows)
    return rows


@pytest.mark.parametrize("kind", deep_but(KEYS, next(iter(KEYS))))
def test_each_kind_of_column_is_a_key_over_the_ends_of_pieces(kind: str, small_pieces: int) -> None:
    type_, value = KEYS[kind]
    rows = 2 * small_pieces + 5
    source = settings(
        f"create table t (k {type_} primary key, n int)", f"insert into t select {value}, seq from seq_1_to_{rows}"
    )
    assert sorted(row["n"] for row in read_by_key(source, "k").rows) == list(range(1, rows + 1))


@deep
@pytest.mark.parametrize("relation", [None, Relation(query="select * from t where n >= 0")], ids=["table", "query"])
def test_a_key_of_several_columns_one_of_them_a_list_of_values(relation: Relation | None) -> None:
    source = settings(
        "create table t (side enum('z', 'm', 'a'), day date, no int, n int, primary key (side, day, no))",
        f"""insert into t select 1 + seq % 3, date_add('2026-01-01', interval seq % 7 day), seq, seq
        from seq_1_to_{ROWS}""",
    )
    rows = read_by_key(source, "side", "day", "no", relation=relation).rows
    assert sorted(row["n"] for row in rows) == list(range(1, ROWS + 1))


@deep
def test_a_filter_that_is_decided_here_takes_part_in_it() -> None:
    source = settings(
        "create table t (k int primary key, n int, v varchar(9))",
        f"insert into t select seq, seq, if(seq % 2, 'Odd', 'even') from seq_1_to_{ROWS}",
    )
    term = Term("v", type_of("text"), Operator.EQUALS, ("ODD",), ignore_case=True)
    assert read_by_key(source, "k", filter=term).matched == (ROWS + 1) // 2


@deep
def test_rows_that_share_a_key_and_rows_without_one_end_the_export() -> None:
    shared = settings(
        "create table t (k varchar(9), n int, index (k))", f"insert into t select seq, seq from seq_1_to_{PAGE_ROWS}"
    )
    database = shared.url.partition("?")[0].rpartition("/")[2]
    mariadb.run(database, "update t set k = 'zzz' where k = '9999'", "insert into t values ('ZZZ', 0)")
    assert failure(shared, "k").code == "RELATION_INVALID"
    nulls = settings("create table t (k int, n int)", "insert into t values (1, 1), (null, 2)")
    assert failure(nulls, "k").message == "Column 'k' holds a value that is not a key without nulls."


def test_a_key_that_the_account_may_not_select_is_named() -> None:
    source = settings("create table t (k int primary key, n int)", "insert into t values (1, 1)")
    database = source.url.partition("?")[0].rpartition("/")[2]
    mariadb.run(database, f"create user {database}@localhost", f"grant select (n) on t to {database}@localhost")
    denied = replace(source, url=source.url.replace("root@", f"{database}@"))
    assert failure(denied, "k").message == "The account that reads the source 'things' may not select: k."
