import csv
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from sample.build import STAMP, NotOurs, build
from tests.tiers import deep

pytestmark = pytest.mark.slow


def quiet(_: str) -> None:
    return


@deep
def test_every_flight_is_there_in_both_kinds_of_file(sample_directory: Path) -> None:
    with closing(sqlite3.connect(sample_directory / "flights.sqlite3")) as db:
        [(rows, missing)] = db.execute("SELECT count(*), sum(dep_time IS NULL) FROM flights")
    flights = pl.read_parquet(sample_directory / "flights" / "flights.parquet")
    assert (rows, missing) == (336_776, 8_255)
    assert (len(flights), flights["dep_time"].null_count()) == (336_776, 8_255)
    assert flights["id"].to_list() == list(range(1, 336_777))
    assert flights.width == 20


def test_nothing_known_is_null_and_not_the_text_na(sample_directory: Path) -> None:
    with (sample_directory / "airports" / "airports.csv").open(encoding="utf-8", newline="") as lines:
        airports = list(csv.DictReader(lines))
    assert [airport["faa"] for airport in airports if airport["tzone"] == ""] == ["EEN", "LRO", "YAK"]
    assert all("NA" not in airport.values() for airport in airports)


def test_a_database_lies_closed_so_that_it_opens_read_only(sample_directory: Path) -> None:
    assert not [*sample_directory.rglob("*-wal"), *sample_directory.rglob("*-journal")]
    with closing(sqlite3.connect(f"file:{sample_directory}/cfdi.sqlite3?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_second_build_leaves_all_as_it_is(sample_directory: Path) -> None:
    before = (sample_directory / "cfdi.sqlite3").stat()
    told: list[str] = []
    build(sample_directory, invoices=1_000, say=told.append)
    assert told == [f"{sample_directory} is up to date"]
    assert (sample_directory / "cfdi.sqlite3").stat() == before


def test_a_build_that_was_interrupted_starts_again(tmp_path: Path) -> None:
    half = tmp_path / "sample.tmp"
    half.mkdir()
    (half / "cfdi.sqlite3").write_text("half of it")
    build(tmp_path / "sample", invoices=50, say=quiet, real=only_directories)
    assert (tmp_path / "sample" / STAMP).is_file()
    assert not half.exists()


def test_another_version_or_a_missing_part_is_built_anew(tmp_path: Path) -> None:
    directory = tmp_path / "sample"
    build(directory, invoices=50, say=quiet, real=only_directories)
    (directory / STAMP).write_text("of last year")
    build(directory, invoices=50, say=quiet, real=only_directories)
    assert (directory / STAMP).read_text() != "of last year"
    shutil.rmtree(directory / "files")
    build(directory, invoices=50, say=quiet, real=only_directories)
    assert any((directory / "files").rglob("*.xml"))


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(NotOurs):
        build(tmp_path, invoices=50, say=quiet)
    assert (tmp_path / "diary.txt").read_text() == "mine"


def only_directories(directory: Path) -> list[tuple[str, int]]:
    """In place of the five tables of flights, which take a second: these tests are about the directory."""
    for name in ("flights", "airports"):
        (directory / name).mkdir()
    (directory / "flights.sqlite3").touch()
    return []
