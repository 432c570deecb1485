"""Attachments from every place alike: whole, several at once, and missing where there is none."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.sources import shelves
from tests.integration.sources.shelves import Place
from tests.tiers import deep_but

SMALL = b"<one/>"
LARGE = hashlib.shake_128(b"large").digest(3_500_000)
ODD = "ñ & 50%+.xml"
CONTENTS = {"1.xml": SMALL, ODD: b"odd", "large.pdf": LARGE, "empty": b"", "mib": LARGE[: 1 << 20], "null": None}
PLACES = deep_but(["folder", "object", "http", "sqlite", "postgresql", "duckdb"], "folder", "object", "postgresql")


def place_of(name: str, folder: Path, request: pytest.FixtureRequest) -> Place:
    match name:
        case "folder":
            return shelves.folder(folder)
        case "object":
            return shelves.bucket(request.getfixturevalue("object_store"))
        case "http":
            return shelves.urls
        case "sqlite":
            return shelves.sqlite_table(folder / "contents.sqlite3")
        case "duckdb":
            return shelves.duckdb_table(folder / "contents.duckdb")
    return shelves.postgres_table(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="module", params=PLACES)
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[shelves.Shelf]:
    """Filled once, for tests that only read."""
    with place_of(request.param, tmp_path_factory.mktemp("place"), request)(CONTENTS) as filled:
        yield filled


@pytest.fixture(params=PLACES)
def own_shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[shelves.Shelf]:
    with place_of(request.param, tmp_path, request)(CONTENTS) as filled:
        yield filled


def test_a_content_is_whole_and_one_that_is_not_there_is_none(shelf: shelves.Shelf) -> None:
    assert {name: shelf.read(name) for name in CONTENTS} == CONTENTS
    assert shelf.read("2.xml") is None
    assert shelf.read(ODD.upper()) is None


@pytest.mark.parametrize("name", ["..", ".", "../1.xml", "a/../1.xml", "", "\0", "x" * 2_000])
def test_no_value_of_a_row_leads_anywhere_else(shelf: shelves.Shelf, name: str) -> None:
    assert shelf.read(name) is None


def test_many_are_read_at_once(shelf: shelves.Shelf) -> None:
    names = ["1.xml", "large.pdf", "none"] * 20
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(shelf.read, names))
    assert found == [SMALL, LARGE, None] * 20


def test_one_that_is_given_up_is_in_nobodys_way(own_shelf: shelves.Shelf) -> None:
    opened = [own_shelf.files.open(own_shelf.attachment, "below/large.pdf", {"name": "large.pdf"}) for _ in range(12)]
    for stream in opened:
        assert stream is not None
        assert stream.read(10) == LARGE[:10]
    for stream in opened[:6]:
        assert stream is not None
        stream.close()
    assert own_shelf.read("1.xml") == SMALL
    own_shelf.files.close()
    for stream in opened[6:]:
        assert stream is not None
        stream.close()
