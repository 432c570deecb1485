"""Addresses of databases, and where their passwords come from."""

from pathlib import Path

import pytest

from services.runtime.toml import FileError
from services.worker.sources.kind import SourceSettings
from services.worker.sources.settings import load
from services.worker.sources.sql.address import UrlInvalid, completed, scrubbed
from services.worker.sources.sql.postgres.settings import PostgresSettings

NASTY = "p@ss/w%rd #1?:&"


@pytest.mark.parametrize(
    ("url", "password", "expected"),
    [
        ("postgresql://me@host/db", "s", "postgresql://me:s@host/db"),
        (
            "postgres://me:a%40b@host:5433/db?sslmode=require",
            None,
            "postgresql://me:a%40b@host:5433/db?sslmode=require",
        ),
        ("postgresql+psycopg2://me@host/db", None, "postgresql://me@host/db"),
        ("mysql+pymysql://me:p@q@host/db", None, "mysql+pymysql://me:p%40q@host/db"),
        ("postgresql://me@/db?host=/tmp/x", "a b", "postgresql://me:a%20b@/db?host=/tmp/x"),
        ("duckdb:///file.duckdb", None, "duckdb:///file.duckdb"),
    ],
)
def test_an_address_is_completed(url: str, password: str | None, expected: str) -> None:
    assert completed(url, password) == expected


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("host/db", None),
        ("postgresql://me:hunter2/x@host/db", None),
        ("postgresql://me:hunter2@host/db", "hunter3"),
        ("postgresql://host/db", "hunter2"),
    ],
)
def test_what_can_be_no_address_is_refused_without_repeating_it(url: str, password: str | None) -> None:
    with pytest.raises(UrlInvalid) as refused:
        completed(url, password)
    assert "hunter" not in str(refused.value)


def test_a_password_is_scrubbed_in_either_form() -> None:
    url = completed("postgresql://me@host/db", NASTY)
    for text in (f"no {NASTY} here", f"bad url {url}", f"part {url.split(':')[2].split('@')[0]}"):
        assert NASTY not in scrubbed(text, url)
        assert "%25" not in scrubbed(text, url)


def load_one(directory: Path, *lines: str) -> SourceSettings:
    text = "\n".join(['[sources.a]\nkind = "sql"\nurl = "postgresql://me@host/db"', *lines])
    (directory / "sources.toml").write_text(text)
    return load(directory / "sources.toml", {"PASSWORD_OF_A": NASTY})["a"]


@pytest.mark.parametrize("line", ['password_env = "PASSWORD_OF_A"', 'password_file = "a.password"'])
def test_a_password_is_in_the_environment_or_in_a_file(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.password").write_text(f"{NASTY}\n")
    settings = load_one(tmp_path, line, "statement_timeout_s = 1.5", 'source_time_zone = "America/Lima"')
    url = "postgresql://me:p%40ss%2Fw%25rd%20%231%3F%3A%26@host/db"
    assert settings == PostgresSettings("a", url, 1.5, time_zone="America/Lima")
    assert "w%25rd" not in repr(settings)


@pytest.mark.parametrize(
    "lines",
    [
        ['password_env = "NOT_THERE"'],
        ['password_file = "not-there"'],
        ['password_env = "PASSWORD_OF_A"', 'password_file = "a.password"'],
        ["statement_timeout_s = -1"],
        ["statement_timeout_s = true"],
        ['source_time_zone = "Nowhere/At_All"'],
        ['source_time_zone = "/etc/passwd"'],
        ['passwort = "hunter2"'],
    ],
)
def test_mistaken_settings_are_named(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(FileError) as mistaken:
        load_one(tmp_path, *lines)
    assert all(mistake.table == "[sources.a]" for mistake in mistaken.value.mistakes)
    assert "hunter2" not in str(mistaken.value)
