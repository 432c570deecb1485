"""Drafts of catalogs from folders of Parquet and CSV files: the api takes them, and the worker reads by them."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.integration.sources.drafts import drafted_from, exported, lines, of, types

PARQUET = '[sources.shop]\nkind = "parquet"\nroot = "data"\n'
CSV = '[sources.shop]\nkind = "csv"\nroot = "data"\n'


def written(directory: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        file = directory / "data" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")


def paths(directory: Path, sources: str, *arguments: str) -> dict[str, str]:
    _, catalog = drafted_from(directory, sources, *arguments)
    return {c.code: c.relation.path for c in catalog.collections}


def test_types_of_csv_are_those_of_its_values(tmp_path: Path) -> None:
    rows = [
        "id,zip,price,share,flag,day,at,time,raw,note,empty,page,long",
        f'1,00501,9.90,1e-7,true,2026-01-01,2026-01-01 10:00:00,10:30,{{}},"a,b",,1,{"1" * 39}',
        "2,10001,10,0.1,FALSE,2026-02-28,2026-01-01T10:00:00Z,23:59:59.5,[1],,,2,1",
    ]
    written(tmp_path, {"t.csv": "\n".join(rows) + "\n"})
    text, catalog = drafted_from(tmp_path, CSV)
    found = [f"{field} {line.partition(' #')[0]}" for field, line in lines(text).items()]
    assert " ".join(found) == (
        "id integer zip text price decimal(38,2) share float flag boolean day date at timestamp time time raw json"
        " note text empty text tPage integer long text"
    )
    first, second = exported(tmp_path, of(catalog, "T")).rows
    assert (first["zip"], str(first["price"]), first["tPage"], second["flag"]) == ("00501", "9.90", 1, False)


def test_files_of_one_table_are_one_collection(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "customers.csv": "id,name\n1,a\n",
            "invoices-2025.csv": "id,total\n1,5\n",
            "invoices-2026.csv": "id,total\n2,6\n",
            "mixed/a.csv": "x\n1\n",
            "mixed/b.csv": "y\n1\n",
            "orders/year=2025/part-0.csv": "id\n1\n",
            "orders/year=2026/part-a.csv": "id\n2\n",
            "daily/2026-01/x.csv": "id\n1\n",
            "daily/2026-02/x.csv": "id\n2\n",
            "odd[1].csv": "id\n1\n",
            "notes.txt": "no table",
        },
    )
    assert paths(tmp_path, CSV) == {
        "Customers": "customers.csv",
        "Invoices": "invoices-*.csv",
        "Odd1": "odd[[]1].csv",
        "A": "mixed/a.csv",
        "B": "mixed/b.csv",
        "Orders": "orders/*/*.csv",
        "Daily": "daily/*/*.csv",
    }
    _, catalog = drafted_from(tmp_path, CSV)
    assert {c.code: exported(tmp_path, c).matched for c in catalog.collections}["Orders"] == 2
    assert types(catalog, "Orders") == {"id": "integer", "year": "integer"}


def test_one_file_or_glob(tmp_path: Path) -> None:
    written(tmp_path, {"a/1.csv": "id\n1\n", "a/2.csv": "id\n2\n", "b.csv": "id\n1\n"})
    assert paths(tmp_path, CSV, "--table", "b.csv") == {"B": "b.csv"}
    assert paths(tmp_path, CSV, "--table", "b") == {"B": "b.csv"}
    assert paths(tmp_path, CSV, "--table", "a/1.csv") == {"A": "a/1.csv"}
    assert paths(tmp_path, CSV, "--table", "**/*.csv") == {"Shop": "**/*.csv"}


def test_types_of_parquet(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    statement = """select 1::bigint as id, 7::ubigint as small, 18446744073709551615::ubigint as big,
        1.5::decimal(9,2) as price, 0.1::float as f, [1, 2] as l, {'a': 1} as s, uuid() as u,
        interval '1 month' as months, interval '2 days' as days, timestamp '2026-01-01' as at,
        timestamptz 'infinity' as until, date '2026-01-01' as day, time '10:00' as t,
        'x'::blob as b, true as flag, 'n' as name"""
    duckdb.sql(f"copy ({statement}) to '{tmp_path}/data/t.parquet' (format parquet)")
    text, catalog = drafted_from(tmp_path, PARQUET)
    assert lines(text) == {
        "id": "integer",
        "small": "integer # a value beyond 64 bits would end an export; decimal(20,0) takes it",
        "big": "decimal(20,0) # whole numbers beyond 64 bits",
        "price": "decimal(9,2)",
        "f": "float",
        "l": "json",
        "s": "json",
        "u": "text",
        "months": "text # holds months or years, which no duration has",
        "days": "duration",
        "at": "timestamp",
        "until": "text # holds infinity or a year beyond 9999, which no timestamp has",
        "day": "date",
        "t": "time",
        "b": "binary",
        "flag": "boolean",
        "name": "text",
    }
    (row,) = exported(tmp_path, of(catalog, "T")).rows
    assert (str(row["big"]), row["until"], row["l"]) == ("18446744073709551615", "infinity", "[1,2]")


def test_what_is_no_table_is_named_and_the_rest_drafted(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "broken.parquet").write_bytes(b"no parquet")
    wide = pa.array([10**40], pa.decimal256(50, 0))
    pq.write_table(pa.table({"id": [1], "wide": wide}), tmp_path / "data" / "fine.parquet")
    text, catalog = drafted_from(tmp_path, PARQUET)
    assert [c.code for c in catalog.collections] == ["Fine"]
    assert "# broken.parquet cannot be drafted: The source 'shop' holds a file that cannot be read as parquet." in text
    assert lines(text)["wide"] == "text # a decimal of more than 38 digits"
