"""`exportd-worker check` over real sources: what is wrong, all of it at once, each with its fix."""

import io
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from demo.seaweed import ObjectStore
from services.api.catalog.definition.file import load
from services.contract.codes import FailureCode
from services.worker.check.command import run
from services.worker.sources.check.types import unfit
from services.worker.sources.stores.s3 import ObjectRoot, filesystem
from tests.integration.sources.drafts import drafted, drafted_from, exported, of
from tests.integration.sources.http_apis import api_of
from tests.integration.sources.source_specs import type_of
from tests.servers import databases, mariadb
from tests.servers.object_store import BUCKET

Problems = set[tuple[str, str, str]]


def checked(directory: Path, sources: str, catalog: str = "", **environ: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what is told as JSON."""
    (directory / "sources.toml").write_text(sources, encoding="utf-8")
    (directory / "catalog.toml").write_text(catalog, encoding="utf-8")
    arguments = ["--output", "json", *(["--catalog", str(directory / "catalog.toml")] if catalog else [])]
    out, err = io.StringIO(), io.StringIO()
    code = run(arguments, {"EXPORTD_SOURCES": str(directory / "sources.toml"), **environ}, out, err)
    assert err.getvalue() == ""
    return code, json.loads(out.getvalue())


def problems(told: dict[str, Any]) -> Problems:
    assert all(problem["fix"] for problem in told["problems"])
    return {
        (problem["collection"] or problem["source"], problem["part"], problem["message"])
        for problem in told["problems"]
    }


def sql(url: str) -> str:
    return f'[sources.shop]\nkind = "sql"\nurl = "{url}"\n'


def collection(code: str, relation: str, columns: str, more: str = "", key: str = "id") -> str:
    path = f"/{code.lower()}"
    head = f'[collections.{code}]\npath = "{path}"\nsource = "shop"\n{relation}\nkey = ["{key}"]\n{more}\n'
    return f'{head}formats = ["CSV"]\ncolumns = [{columns}]\n'


SHOP = '[sources.shop]\nkind = "sql"\n'
ID = '{ field = "id", type = "integer" }'
TABLE = (
    "create table t (id integer primary key, name varchar(20), price numeric(12,4), made timestamp, flag boolean)",
    "insert into t values (1, 'a', 1.2345, '2026-01-01 00:00:00', true)",
)


def sqlite(directory: Path) -> str:
    with closing(sqlite3.connect(directory / "shop.sqlite3")) as connection, connection:
        connection.executescript(";".join(TABLE))
    return "sqlite:///shop.sqlite3"


def duckdb_file(directory: Path) -> str:
    with duckdb.connect(str(directory / "shop.duckdb")) as connection:
        for statement in TABLE:
            connection.execute(statement)
    return f"duckdb:///{directory}/shop.duckdb"


DATABASES = {
    "sqlite": sqlite,
    "postgres": lambda _: databases.new_database(*TABLE),
    "duckdb": duckdb_file,
    "mariadb": lambda _: mariadb.new_database(*TABLE),
}
DATABASE = pytest.mark.parametrize(
    "database", [pytest.param(name, marks=[mariadb.needed] if name == "mariadb" else []) for name in DATABASES]
)


@DATABASE
def test_a_draft_is_sound(tmp_path: Path, database: str) -> None:
    url = DATABASES[database](tmp_path)
    text, _ = drafted(tmp_path, url)
    code, told = checked(tmp_path, sql(url), text)
    assert (code, told) == (
        0,
        {"valid": True, "sources": [{"id": "shop", "kind": "sql"}], "collections": ["T"], "problems": []},
    )


@DATABASE
def test_all_that_is_wrong_with_a_database_is_told_at_once(tmp_path: Path, database: str) -> None:
    url = DATABASES[database](tmp_path)
    catalog = SHOP + "".join(
        [
            collection("Gone", 'table = "gone"', ID),
            collection("Broken", 'query = "selec 1"', ID),
            collection(
                "Wrong",
                'table = "t"',
                f'{ID}, {{ field = "nme" }}, {{ field = "price", type = "decimal(10,2)" }},'
                ' { field = "made", type = "integer" }, { field = "flag", type = "timestamp" }',
                'tenant_column = "owner"',
            ),
            collection("Fine", 'query = "select * from t"', f'{ID}, {{ field = "price", type = "decimal(12,4)" }}'),
        ]
    )
    code, told = checked(tmp_path, sql(url), catalog)
    found = problems(told)
    assert code == 1
    assert {subject for subject, _, _ in found} == {"Gone", "Broken", "Wrong"}
    assert {part for subject, part, _ in found if subject == "Wrong"} == {
        *("column nme", "column price", "column made", "column flag", "column owner"),
    }
    by_part = {problem["part"]: problem for problem in told["problems"] if problem["collection"] == "Wrong"}
    assert by_part["column nme"]["fix"] == "did you mean name?"
    assert "values with more than 2 decimals would end an export" in by_part["column price"]["message"]
    causes = {problem["collection"]: problem["cause"] for problem in told["problems"]}
    assert "gone" in causes["Gone"].lower()
    assert causes["Broken"]


def test_a_source_that_is_not_reached_is_told_in_the_drivers_words(tmp_path: Path) -> None:
    sources = f"""
        [sources.here]
        kind = "sql"
        url = "{databases.new_database()}"
        [sources.refused]
        kind = "sql"
        url = "postgresql://me:hunter2@127.0.0.1:1/x"
        [sources.none]
        kind = "sql"
        url = "sqlite:///none.sqlite3"
        [sources.api]
        kind = "http"
        url = "http://127.0.0.1:1"
        allow_private = true
        [sources.papers]
        kind = "folder"
        root = "nowhere"
        [sources.rows]
        kind = "csv"
        root = "nowhere"
        [sources.mysql]
        kind = "sql"
        url = "mysql://me:hunter2@127.0.0.1:1/x"
        """
    code, told = checked(tmp_path, sources)
    assert code == 1
    causes = {problem["source"]: problem["cause"] for problem in told["problems"]}
    assert causes.keys() == {"refused", "none", "api", "papers", "rows", "mysql"}
    assert "Connection refused" in causes["refused"]
    assert "unable to open database file" in causes["none"]
    assert "No such file" in causes["papers"]
    assert all(causes.values())
    assert "hunter2" not in json.dumps(told)


def test_sources_of_a_catalog_that_the_worker_does_not_have(tmp_path: Path) -> None:
    catalog = (
        '[sources.shop]\nkind = "sql"\n[sources.files]\nkind = "folder"\n'
        + collection("T", 'table = "t"', ID)
        + '[collections.T.attachments."a.pdf"]\nsource = "files"\npath = "{id}.pdf"\n'
    )
    code, told = checked(
        tmp_path, '[sources.shop2]\nkind = "folder"\nroot = "."\n[sources.files]\nkind = "csv"\nroot = "."\n', catalog
    )
    assert code == 1
    assert [(problem["source"], problem["fix"]) for problem in told["problems"]] == [
        ("shop", "add [sources.shop] to the sources file; did you mean shop2?"),
        ("files", 'the kind is "csv" there'),
    ]


def test_attachments_masks_and_tenants(tmp_path: Path) -> None:
    url = databases.new_database(*TABLE, "create table papers (t_id integer, scan bytea)")
    attachment = """
        [collections.T.attachments."scan.pdf"]
        source = "shop"
        path = "{id}-{nmae}.pdf"
        table = "papers"
        column = "scann"
        key = { t_id = "id" }
        """
    catalog = SHOP + collection("T", 'table = "t"', f'{ID}, {{ field = "name", mask = "hash" }}') + attachment
    code, told = checked(tmp_path, sql(url), catalog)
    assert code == 1
    assert {(problem["part"], problem["fix"]) for problem in told["problems"]} == {
        ("", FailureCode.MASK_KEY_MISSING.remedy),
        ("column nmae", "did you mean name?"),
        ("attachment scan.pdf", "did you mean scan?"),
    }
    (tmp_path / "key").write_text("secret")
    sound = catalog.replace("nmae", "price").replace("scann", "scan")
    assert checked(tmp_path, sql(url), sound, EXPORTD_MASK_KEY_FILE=str(tmp_path / "key"))[0] == 0


def test_a_collection_read_by_its_key_and_one_that_the_user_may_not_read(tmp_path: Path) -> None:
    url = databases.new_database(*TABLE, "create view broken as select id, name::int as n from t")
    catalog = SHOP + collection("T", 'table = "t"', f'{ID}, {{ field = "name" }}', 'reading = "keyset"')
    assert checked(tmp_path, sql(url), catalog)[0] == 0


def granted(url: str, *statements: str) -> str:
    """The address of the database for an account of its own, which may do what the statements grant to `{me}`."""
    me = f"reader_{url.partition('?')[0].rpartition('/')[2]}"
    databases.run(url, f"create role {me} login", *(statement.format(me=me) for statement in statements))
    return re.sub("(?<=//)[^@]*(?=@)", me, url)


def my_granted(url: str, *statements: str) -> str:
    name = url.partition("?")[0].rpartition("/")[2]
    mariadb.run(name, f"create user {name}@localhost", *(s.format(me=f"{name}@localhost") for s in statements))
    return url.replace("root@", f"{name}@")


PAPERS = "create table papers (t_id integer, scan bytea, owner text)"
PARTLY = SHOP + collection("T", 'table = "t"', f'{ID}, {{ field = "name" }}')
GRANTS = {
    "postgres": (lambda: databases.new_database(*TABLE), granted),
    "mariadb": (lambda: mariadb.new_database(*TABLE), my_granted),
}


@pytest.mark.parametrize("database", ["postgres", pytest.param("mariadb", marks=mariadb.needed)])
def test_a_check_asks_for_no_more_than_the_catalog_names(tmp_path: Path, database: str) -> None:
    made, with_grants = GRANTS[database]
    url = with_grants(made(), "grant select (id, name) on t to {me}")
    assert checked(tmp_path, sql(url), PARTLY)[0] == 0
    assert checked(tmp_path, sql(url), PARTLY.replace('path = "/t"', 'path = "/t"\nreading = "keyset"'))[0] == 0
    assert exported(tmp_path, of(load(tmp_path / "catalog.toml"), "T")).matched == 1


@pytest.mark.parametrize("database", ["postgres", pytest.param("mariadb", marks=mariadb.needed)])
def test_a_missing_grant_is_named_beside_what_else_is_wrong(tmp_path: Path, database: str) -> None:
    made, with_grants = GRANTS[database]
    url = with_grants(made(), "grant select (id) on t to {me}")
    code, told = checked(tmp_path, sql(url), PARTLY.replace('"name"', '"price", type = "decimal(12,4)"'))
    assert code == 1
    (problem,) = told["problems"]
    assert problem["collection"] == "T"
    assert problem["message"] == ("The account that reads the source 'shop' may not select: price.")
    assert problem["fix"] == FailureCode.PERMISSION_DENIED.remedy


def test_attachments_without_a_grant_and_tables_without_any(tmp_path: Path) -> None:
    url = granted(
        databases.new_database(*TABLE, PAPERS), "grant select on t to {me}", "grant select (t_id) on papers to {me}"
    )
    attachment = """
        [collections.T.attachments."scan.pdf"]
        source = "shop"
        path = "{id}.pdf"
        table = "papers"
        column = "scan"
        key = { t_id = "id" }
        """
    code, told = checked(
        tmp_path,
        sql(url),
        PARTLY + attachment + collection("Papers", 'table = "papers"', '{ field = "owner" }', key="t_id"),
    )
    assert code == 1
    assert {(p["collection"], p["part"], p["message"].partition("select: ")[2]) for p in told["problems"]} == {
        ("T", "attachment scan.pdf", "scan."),
        ("Papers", "", "owner."),
    }


def test_files(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("id,total,name\n1,9.90,x\n")
    duckdb.sql(f"copy (select 1 as id, 1.25::decimal(9,4) as total) to '{tmp_path}/data/a.parquet' (format parquet)")
    (tmp_path / "data" / "broken.parquet").write_text("no parquet")
    for kind in ("csv", "parquet"):
        sources = f'[sources.shop]\nkind = "{kind}"\nroot = "data"\n'
        head = f'[sources.shop]\nkind = "{kind}"\n'
        columns = f'{ID}, {{ field = "total", type = "decimal(9,1)" }}, {{ field = "nme" }}'
        catalog = head + collection("A", f'file = "a.{kind}"', columns) + collection("None", 'file = "no*.csv"', ID)
        code, told = checked(tmp_path, sources, catalog)
        parts = {(subject, part) for subject, part, _ in problems(told)}
        assert (code, parts) == (1, {("A", "column total"), ("A", "column nme"), ("None", "")}), kind
        sound = head + collection("A", f'file = "a.{kind}"', f'{ID}, {{ field = "total", type = "decimal(9,4)" }}')
        assert checked(tmp_path, sources, sound)[0] == 0
    sources = '[sources.shop]\nkind = "parquet"\nroot = "data"\n'
    catalog = '[sources.shop]\nkind = "parquet"\n' + collection("Broken", 'file = "broken.parquet"', ID)
    code, told = checked(tmp_path, sources, catalog)
    assert (code, [problem["cause"] != "" for problem in told["problems"]]) == (1, [True])


def test_an_api(tmp_path: Path) -> None:
    with api_of(3) as api:
        sources = f'[sources.shop]\nkind = "http"\nurl = "{api.url}"\nallow_private = true\n'
        head = '[sources.shop]\nkind = "http"\n'
        http = '[collections.{0}.http]\npath = "{1}"\n'
        good = head + collection("A", "", f'{ID}, {{ field = "status" }}') + http.format("A", "/things")
        assert checked(tmp_path, sources, good)[0] == 0
        columns = '{ field = "id", type = "integer" }, { field = "status", type = "integer" }'
        bad = head + collection("A", "", columns) + http.format("A", "/things")
        absent = collection("B", "", f'{ID}, {{ field = "nme" }}') + http.format("B", "/things")
        gone = collection("C", "", ID) + http.format("C", "/nowhere")
        code, told = checked(tmp_path, sources, bad + absent + gone)
        assert (code, {problem["collection"] for problem in told["problems"]}) == (1, {"A", "B", "C"})


def test_a_bucket(tmp_path: Path, object_store: ObjectStore) -> None:
    root = ObjectRoot(BUCKET, "", object_store.endpoint, "us-east-1", object_store.access_key, object_store.secret_key)
    with filesystem(root).open_output_stream(root.path("a.pdf")) as stream:
        stream.write(b"a")
    (tmp_path / "secret").write_text(object_store.secret_key)
    (tmp_path / "access").write_text(object_store.access_key)
    for bucket, code in {BUCKET: 0, "no-such-bucket": 1}.items():
        sources = f"""
            [sources.papers]
            kind = "object"
            root = "s3://{bucket}"
            endpoint = "{object_store.endpoint}"
            access_key = {{ file = "access" }}
            secret_key = {{ file = "secret" }}
            """
        found, told = checked(tmp_path, sources)
        assert (found, len(told["problems"])) == (code, code)


def test_what_is_printed_and_what_cannot_be_used(tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert run([], {}, out, err) == 2
    assert "EXPORTD_SOURCES" in err.getvalue()
    (tmp_path / "sources.toml").write_text('[sources.shop]\nkind = "sql"\nurl = "sqlite:///none.sqlite3"\n')
    environ = {"EXPORTD_SOURCES": str(tmp_path / "sources.toml")}
    assert run(["--catalog", str(tmp_path / "none.toml")], environ, out, err) == 2
    assert run([], environ, out, err) == 1
    assert out.getvalue() == (
        "source shop (sql):\n"
        "  The source 'shop' cannot be read now.\n"
        "    driver: OperationalError: unable to open database file\n"
        f"    fix: {FailureCode.SOURCE_UNAVAILABLE.remedy}\n"
        "1 problem\n"
    )


@pytest.mark.parametrize(
    ("wanted", "live", "fits"),
    [
        ("text", "binary", True),
        ("integer", "text", True),
        ("integer", "decimal(38,0)", True),
        ("integer", "decimal(9,2)", False),
        ("integer", "float", False),
        ("integer", "timestamp", False),
        ("decimal(9,2)", "integer", True),
        ("decimal(9,2)", "decimal(9,2)", True),
        ("decimal(9,2)", "decimal(10,2)", False),
        ("decimal(9,2)", "decimal(38,2)", True),
        ("decimal(9,2)", "boolean", False),
        ("timestamp", "date", True),
        ("timestamp", "integer", False),
        ("boolean", "integer", True),
        ("boolean", "float", False),
        ("json", "binary", False),
        ("binary", "integer", False),
    ],
)
def test_types(wanted: str, live: str, fits: bool) -> None:
    assert (unfit(type_of(wanted), type_of(live)) == "") == fits


def test_drafts_of_files_are_sound(tmp_path: Path) -> None:
    (tmp_path / "data" / "year=2026").mkdir(parents=True)
    (tmp_path / "data" / "year=2026" / "a.csv").write_text("id,at,note\n1,2026-01-01,x\n")
    sources = '[sources.shop]\nkind = "csv"\nroot = "data"\n'
    text, _ = drafted_from(tmp_path, sources)
    code, told = checked(tmp_path, sources, text)
    assert (code, told["collections"]) == (0, ["A"])
