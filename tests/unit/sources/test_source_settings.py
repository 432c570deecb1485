"""The worker's sources.toml."""

import pickle
from pathlib import Path

import pytest

from services.worker.sources.errors import SourceFailed, unavailable
from services.worker.sources.settings import SourceSettings, SourcesMistaken, load

GOOD = """
[sources.cfdi]
kind = "sql"
url = "sqlite:///data/cfdi.sqlite3"
[sources.old]
kind = "sql"
url = "sqlite:////srv/old%20one.sqlite3"
[sources.flights]
kind = "parquet"
root = "flights"
[sources.trips]
kind = "csv"
root = "/srv/trips"
[sources.cfdi-files]
kind = "folder"
root = "files"
"""

BAD = """
colour = "red"
[sources.a]
kind = "excel"
[sources.b]
kind = "sql"
url = "oracle:me:hunter2@host"
[sources.c]
kind = "csv"
[sources.d]
kind = "folder"
root = 5
[sources.e]
kind = "parquet"
root = "e"
url = "sqlite:///e"
[sources.f]
kind = "sql"
url = "sqlite://"
"""


def write(directory: Path, text: str) -> Path:
    path = directory / "sources.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    found = load(write(tmp_path, GOOD))
    assert {s.id: (s.kind, s.path) for s in found.values()} == {
        "cfdi": ("sql", tmp_path / "data/cfdi.sqlite3"),
        "old": ("sql", Path("/srv/old one.sqlite3")),
        "flights": ("parquet", tmp_path / "flights"),
        "trips": ("csv", Path("/srv/trips")),
        "cfdi-files": ("folder", tmp_path / "files"),
    }


def test_every_mistake_is_named_at_once_and_no_secret_is(tmp_path: Path) -> None:
    with pytest.raises(SourcesMistaken) as mistaken:
        load(write(tmp_path, BAD))
    assert [m.partition(":")[0] for m in mistaken.value.mistakes] == [
        "colour",
        "sources.a.kind",
        "sources.b.url",
        "sources.c.root",
        "sources.d.root",
        "sources.e.url",
        "sources.f.url",
    ]
    assert all(m in str(mistaken.value) for m in mistaken.value.mistakes)
    assert "hunter2" not in str(mistaken.value)


@pytest.mark.parametrize("text", ["sources = 5", "sources.a = 5", "[sources", "\0"])
def test_what_is_no_table_of_sources_is_a_mistake(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourcesMistaken):
        load(write(tmp_path, text))


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SourcesMistaken, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_settings_travel_to_a_child_and_show_no_url() -> None:
    settings = SourceSettings("a", "sql", Path("/a"), "sqlite:////a?password=hunter2")
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - its own bytes
    assert "hunter2" not in repr(settings)


def test_a_failure_travels_to_the_parent_whole() -> None:
    failed = pickle.loads(pickle.dumps(unavailable("a")))  # noqa: S301 - its own bytes
    assert isinstance(failed, SourceFailed)
    assert (failed.code, failed.retryable) == ("SOURCE_UNAVAILABLE", True)
