"""Checks whether an output holds the rows of its source, with readers that are not part of this project."""

# ruff: noqa: S608 - names in SQL are this file's own
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import duckdb
import fastexcel

from bench.workload import COLUMNS

_SAMPLE = 2000
_TYPES = {"issued_at": "timestamp", "subtotal": "decimal(18,2)", "total": "decimal(18,2)", "items": "bigint"}
_NAMES = ", ".join(COLUMNS)


class WrongOutput(Exception):
    """The output differs from the source. The text says how."""


def check(output: Path, sources: list[Path], rows: int) -> None:
    """Count the rows, whose keys must differ, and compare every value of a sample. Raises WrongOutput."""
    try:
        with duckdb.connect() as reader:
            reader.execute("set TimeZone = 'UTC'")
            _open(reader, output)
            _count(reader, rows)
            wrong = _differences(reader, [str(source) for source in sources], rows)
    except (duckdb.Error, fastexcel.FastExcelError) as problem:
        raise WrongOutput(f"{output.name}: can't be read: {problem}") from problem
    if wrong:
        raise WrongOutput(f"{output.name}: in a sample, the values of {wrong} rows differ from the source")


def unpacked(archive: Path, password: str = "") -> Path:
    """Unpack the only entry of a ZIP beside it; with a password it must be AES-encrypted. Raises WrongOutput."""
    output = archive.with_suffix(".unpacked.csv")
    with _archive(archive, password) as opened:
        names = [name for name in opened.namelist() if name.endswith(".csv")]
        if len(names) != 1:
            raise WrongOutput(f"{archive.name}: holds {opened.namelist()}")
        if password and not opened.getinfo(names[0]).flag_bits & 1:
            raise WrongOutput(f"{archive.name}: is not encrypted")
        with opened.open(names[0]) as entry, output.open("wb") as file:
            _copy(entry, file)
    return output


def _copy(entry: IO[bytes], file: IO[bytes]) -> None:
    while chunk := entry.read(1 << 20):
        file.write(chunk)


def _archive(path: Path, password: str) -> Any:
    if not password:
        return zipfile.ZipFile(path)
    import pyzipper  # noqa: PLC0415 - only the extra `bench` has it

    archive = pyzipper.AESZipFile(path)
    archive.setpassword(password.encode())
    return archive


def _open(reader: duckdb.DuckDBPyConnection, output: Path) -> None:
    """Open the output as the relation `found`, with its columns by position."""
    match output.suffix:
        case ".csv":
            rows = f"read_csv('{output}', header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"
        case ".jsonl":
            rows = f"read_json('{output}', format = 'newline_delimited')"
        case ".parquet":
            rows = f"read_parquet('{output}')"
        case _:
            rows = _sheets(reader, output)
    reader.execute(f"create view found as select * from {rows} as f({_NAMES})")


def _sheets(reader: duckdb.DuckDBPyConnection, output: Path) -> str:
    """Load all sheets into one table, one at a time."""
    for number, sheet in enumerate(_frames(output)):
        reader.register("sheet", sheet)
        verb = "insert into sheets" if number else "create table sheets as"
        reader.execute(f"{verb} select * from sheet")
        reader.unregister("sheet")
    return "sheets"


def _frames(output: Path) -> Iterator[Any]:
    book = fastexcel.read_excel(output)
    for name in book.sheet_names:
        yield book.load_sheet(name).to_arrow()


def _count(reader: duckdb.DuckDBPyConnection, rows: int) -> None:
    counted = reader.execute("select count(*), count(distinct uuid) from found").fetchone()
    if counted != (rows, rows):
        raise WrongOutput(f"{rows} rows expected, (all, different) found: {counted}")


def _differences(reader: duckdb.DuckDBPyConnection, sources: list[str], rows: int) -> int:
    """Return how many rows of the sample differ. Values that a workbook holds as floats are rounded to their scale."""
    source = f"(select * from read_parquet({sources!r}) limit {rows}) as s"
    every = max(1, rows // _SAMPLE)
    reader.execute(f"create table sample as select {_typed('s')} from {source} where hash(uuid) % {every} = 0")
    found = f"(select {_typed('r')} from found as r where cast(uuid as varchar) in (select uuid from sample)) as f"
    differ = " or ".join(f"f.{name} is distinct from s.{name}" for name in COLUMNS)
    counted = reader.execute(
        f"select count(*) filter (where {differ}), count(*) from sample as s left join {found} on f.uuid = s.uuid"
    ).fetchone()
    if counted is None or not counted[1]:
        raise WrongOutput("the sample is empty")
    return int(counted[0])


def _typed(relation: str) -> str:
    return ", ".join(f"cast({relation}.{name} as {_TYPES.get(name, 'varchar')}) as {name}" for name in COLUMNS)
