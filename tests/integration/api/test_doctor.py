"""`exportd-api doctor`: each thing that can be wrong is found, with what to do, and nothing is changed."""

import io
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.api.commands import dev_certificates, doctor
from services.api.doctor.certificates import certificates
from services.api.settings import ApiSettings
from services.api.storage.datadir import DataDirectory
from services.api.storage.sqlite.database import writing_engine
from services.api.storage.sqlite.schema import bring_up_to_date
from services.contract.store import MARKER
from tests.integration.api.conftest import CATALOG
from tests.servers import databases, object_store
from tests.servers.stores import new_store

Findings = list[dict[str, str]]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    return {
        "EXPORTD_CATALOG": str(tmp_path / "catalog.toml"),
        "EXPORTD_DATA_DIR": str(tmp_path / "data"),
        "EXPORTD_TENANTS": "",
    }


def asked(environ: Mapping[str, str]) -> tuple[int, Findings]:
    out = io.StringIO()
    code = doctor.run(["--output", "json"], environ, out)
    return code, json.loads(out.getvalue())


def wrong(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The subjects and verdicts that are not ok. The exit code says whether there is a fault."""
    code, findings = asked(environ)
    bad = [(f["subject"], f["verdict"]) for f in findings if f["verdict"] != "ok"]
    assert code == (1 if "fault" in [verdict for _, verdict in bad] else 0)
    assert all(f["action"] for f in findings if f["verdict"] != "ok")
    return bad


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_before_the_first_start_all_is_well_and_nothing_is_made(environ: dict[str, str], tmp_path: Path) -> None:
    before = everything(tmp_path)
    assert wrong(environ) == []
    assert everything(tmp_path) == before
    assert not (tmp_path / "data").exists()


def test_every_mistake_of_the_settings_is_a_fault() -> None:
    code, findings = asked({"EXPORTD_LISTEN": "nowhere", "EXPORTD_DRAIN_GRACE_S": "-1"})
    assert code == 1
    assert [f["found"].split()[0] for f in findings] == ["EXPORTD_CATALOG", "EXPORTD_LISTEN", "EXPORTD_DRAIN_GRACE_S"]


def _catalog(environ: dict[str, str], _: Path) -> None:
    Path(environ["EXPORTD_CATALOG"]).write_text("[collections]\n")


def _tenants(environ: dict[str, str], folder: Path) -> None:
    environ["EXPORTD_TENANTS"] = str(folder / "tenants.toml")
    (folder / "tenants.toml").write_text("[tenants.a]\nweigth = 2\n")


def _short_key(_: dict[str, str], folder: Path) -> None:
    (folder / "data" / "secret.key").write_bytes(b"short")


def _open_key(_: dict[str, str], folder: Path) -> None:
    (folder / "data" / "secret.key").write_bytes(b"k" * 32)
    (folder / "data" / "secret.key").chmod(0o644)


def _named_key(environ: dict[str, str], folder: Path) -> None:
    environ["EXPORTD_SECRET_KEY_FILE"] = str(folder / "none")


def _no_database(_: dict[str, str], folder: Path) -> None:
    (folder / "data" / "exportd.sqlite3").write_bytes(b"no database, and long enough to be taken for one" * 100)


def _damaged(_: dict[str, str], folder: Path) -> None:
    file = folder / "data" / "exportd.sqlite3"
    bring_up_to_date(writing_engine(file), file)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("PRAGMA writable_schema = 1")
        db.execute("UPDATE sqlite_master SET rootpage = 2 WHERE name = 'exports'")


def _newer(_: dict[str, str], folder: Path) -> None:
    file = DataDirectory.database_in(folder / "data")
    bring_up_to_date(writing_engine(file), file)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")


def _no_marker(_: dict[str, str], folder: Path) -> None:
    (folder / "data" / "artifacts").mkdir()


def _odd_marker(_: dict[str, str], folder: Path) -> None:
    (folder / "data" / "artifacts").mkdir()
    (folder / "data" / "artifacts" / MARKER).write_text("mine")


def _no_certificate(environ: dict[str, str], folder: Path) -> None:
    (folder / "api.pem").write_text("none")
    environ |= {"EXPORTD_TLS_CERTIFICATE": str(folder / "api.pem"), "EXPORTD_TLS_KEY": str(folder / "api.pem")}


def _no_server(environ: dict[str, str], folder: Path) -> None:
    (folder / "key").write_bytes(b"k" * 32)
    (folder / "key").chmod(0o600)
    environ |= {"EXPORTD_DATABASE": "postgresql://127.0.0.1:1/x", "EXPORTD_SECRET_KEY_FILE": str(folder / "key")}


def _no_tables(environ: dict[str, str], folder: Path) -> None:
    _no_server(environ, folder)
    environ["EXPORTD_DATABASE"] = databases.new_database()


Spoil = Callable[[dict[str, str], Path], None]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (_catalog, ("catalog", "fault")),
        (_tenants, ("tenants", "fault")),
        (_short_key, ("key", "fault")),
        (_open_key, ("key", "warning")),
        (_named_key, ("key", "fault")),
        (_no_database, ("database", "fault")),
        (_damaged, ("database", "fault")),
        (_newer, ("database", "fault")),
        (_no_marker, ("artifacts", "warning")),
        (_odd_marker, ("artifacts", "fault")),
        (_no_certificate, ("certificate", "fault")),
        (_no_server, ("database", "fault")),
        (_no_tables, ("database", "fault")),
    ],
)
def test_what_is_wrong_is_found_and_is_all_that_is_found(
    environ: dict[str, str], tmp_path: Path, spoil: Spoil, found: tuple[str, str]
) -> None:
    (tmp_path / "data").mkdir()
    spoil(environ, tmp_path)
    assert wrong(environ) == [found]


@pytest.mark.parametrize(
    ("days", "verdict"), [(-40, "fault"), (1, "ok"), (15, "ok"), (17, "warning"), (29, "warning"), (31, "fault")]
)
def test_a_certificate_is_told_before_it_ends(environ: dict[str, str], tmp_path: Path, days: int, verdict: str) -> None:
    dev_certificates.run([str(tmp_path / "tls")], {}, io.StringIO(), io.StringIO())
    pair = {"EXPORTD_TLS_CERTIFICATE": "api.pem", "EXPORTD_TLS_KEY": "api.key"}
    settings = ApiSettings.from_env(environ | {name: str(tmp_path / "tls" / file) for name, file in pair.items()})
    (finding,) = certificates(settings, datetime.now(UTC) + timedelta(days=days))
    assert finding.verdict.value == verdict


def test_postgresql_is_asked_for_version_durability_latency_and_clock(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"k" * 32)
    url = new_store()
    environ |= {"EXPORTD_DATABASE": url, "EXPORTD_SECRET_KEY_FILE": str(tmp_path / "key")}
    _, findings = asked(environ)
    assert {"database", "latency", "clock"} <= {f["subject"] for f in findings}
    name = url.partition("?")[0].rpartition("/")[2]
    databases.run(url, f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    assert ("durability", "fault") in wrong(environ)


def test_a_bucket_is_asked_for_its_marker(environ: dict[str, str]) -> None:
    with object_store.running() as store:
        environ |= object_store.settings_for(store)
        assert wrong(environ) == [("artifacts", "warning")]


def test_people_read_a_table_with_what_to_do(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    _short_key(environ, tmp_path)
    out = io.StringIO()
    assert doctor.run([], environ, out) == 1
    lines = out.getvalue().splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("FAULT")]
    assert lines[at].split()[1] == "key"
    assert str(tmp_path / "data" / "secret.key") in lines[at]
    assert lines[at + 1].strip() == "-> a key has at least 32 random bytes"
