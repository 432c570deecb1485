"""A process that cannot start says why, in words, and ends with 2."""

import os
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.api.storage.artifacts.folder import MARKER
from services.api.storage.datadir import DataDirectory
from services.api.storage.sqlite.database import writing_engine
from services.api.storage.sqlite.migrate import migrate
from tests.integration.api.conftest import CATALOG
from tests.servers.warm import WarmProgram


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Settings with which the api would start."""
    (tmp_path / "catalog.toml").write_text(CATALOG)
    (tmp_path / "data").mkdir()
    return {
        "EXPORTD_CATALOG": str(tmp_path / "catalog.toml"),
        "EXPORTD_DATA_DIR": str(tmp_path / "data"),
        "EXPORTD_LISTEN": "127.0.0.1:0",
        "EXPORTD_QUEUE_LISTEN": "127.0.0.1:0",
        "EXPORTD_API_METRICS": "off",
    }


Refusal = Callable[[dict[str, str]], str]


@pytest.fixture
def refusal(warm_programs: Mapping[str, WarmProgram]) -> Refusal:
    """What a process says that must not start."""

    def said(environ: dict[str, str]) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EXPORTD_")}
        ended = warm_programs["exportd-api"].run(env=kept | environ)
        assert ended.returncode == 2, ended.stderr
        assert "Traceback" not in ended.stderr
        assert ended.stderr.count("exportd-api cannot start:\n") == 1
        return ended.stderr

    return said


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(database)
    yield connection
    connection.commit()
    connection.close()


@pytest.fixture
def database(environ: dict[str, str]) -> Path:
    return Path(environ["EXPORTD_DATA_DIR"]) / "exportd.sqlite3"


def test_wrong_settings(refusal: Refusal, environ: dict[str, str]) -> None:
    said = refusal(environ | {"EXPORTD_LISTEN": "0.0.0.0:1", "EXPORTD_LEASE_TTL_S": "soon"})
    assert "EXPORTD_LISTEN" in said
    assert "EXPORTD_LEASE_TTL_S" in said


def test_a_catalog_with_mistakes(refusal: Refusal, environ: dict[str, str]) -> None:
    Path(environ["EXPORTD_CATALOG"]).write_text(CATALOG.replace("key =", "kee ="))
    assert "kee: unknown key; did you mean key?" in refusal(environ)


def test_a_data_directory_in_use(refusal: Refusal, environ: dict[str, str]) -> None:
    with DataDirectory.open(Path(environ["EXPORTD_DATA_DIR"])):
        assert f"is in use by process {os.getpid()}" in refusal(environ)


def test_a_key_that_is_too_short(refusal: Refusal, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    assert "holds 5 bytes" in refusal(environ | {"EXPORTD_SECRET_KEY_FILE": str(tmp_path / "key")})


def test_a_key_file_that_is_not_there(refusal: Refusal, environ: dict[str, str], tmp_path: Path) -> None:
    assert "nowhere" in refusal(environ | {"EXPORTD_SECRET_KEY_FILE": str(tmp_path / "nowhere")})


def test_a_folder_that_belongs_to_something_else(refusal: Refusal, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / MARKER).write_text("no UUID")
    said = refusal(environ | {"EXPORTD_ARTIFACTS": str(tmp_path / "artifacts")})
    assert "does not hold the UUID of an artifact store" in said


def test_a_database_of_a_newer_version(refusal: Refusal, environ: dict[str, str], database: Path) -> None:
    migrate(writing_engine(database), database)
    with _opened(database) as later:
        later.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "has schema 9999" in refusal(environ)


def test_a_database_of_a_version_that_is_too_old(refusal: Refusal, environ: dict[str, str], database: Path) -> None:
    migrate(writing_engine(database), database)
    with _opened(database) as old:
        old.execute("UPDATE alembic_version SET version_num = '0003'")
    assert "has schema 0003" in refusal(environ)


def test_a_file_that_is_no_database(refusal: Refusal, environ: dict[str, str], database: Path) -> None:
    database.write_bytes(b"no database at all" * 500)
    assert f"the database {database} cannot be used: file is not a database" in refusal(environ)


@pytest.mark.parametrize("name", ["EXPORTD_LISTEN", "EXPORTD_QUEUE_LISTEN", "EXPORTD_API_METRICS"])
def test_a_port_that_is_taken(refusal: Refusal, environ: dict[str, str], name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"cannot listen on {address}" in refusal(environ | {name: address})


def test_a_data_directory_that_cannot_be_made(refusal: Refusal, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in refusal(environ | {"EXPORTD_DATA_DIR": str(tmp_path / "file" / "data")})
