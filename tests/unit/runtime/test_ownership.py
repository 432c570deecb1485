"""What is kept is its owner's alone, whatever the umask and whatever was there before."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.api.storage.artifacts.folder import FolderArtifactStore
from services.api.storage.datadir import DataDirectory, key_file, secret_key
from services.api.storage.sqlite.database import SqliteDatabase
from services.contract.job import LeaseRef
from services.runtime.ownership import NotOurs, check_owner, own_file, own_folder
from services.worker.artifacts.folder import FolderSink
from services.worker.scratch import Scratch

LEASE = LeaseRef("export-1", "lease-1")
SOMEBODY = 12345


@pytest.fixture(params=[0o000, 0o022])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def open_to_others(root: Path) -> dict[str, str]:
    """Whatever others may read, write or pass through, by its path."""
    paths = [root, *root.rglob("*")]
    return {str(p.relative_to(root)): oct(p.stat().st_mode & 0o777) for p in paths if p.stat().st_mode & 0o077}


def stored(root: Path) -> None:
    writer = FolderSink(root).open(LEASE, "export.csv")
    writer.write(b"id\n")
    writer.close(lambda: None)


async def used(data: Path) -> None:
    """As api and worker use a data directory: database with its log, key, lock, artifacts, scratch."""
    with DataDirectory.open(data) as directory:
        secret_key(key_file(directory.path, None), make=True)
        FolderArtifactStore.in_folder(directory.artifacts)
        async with await SqliteDatabase.open(directory.database) as database:
            await database.write(lambda db: db.exec_driver_sql("INSERT OR REPLACE INTO tenants VALUES ('a', 1, 1)"))
            stored(directory.artifacts)
            scratch = Scratch(directory.artifacts / ".scratch", "worker-1")
            scratch.folder_for(LEASE)
            FolderSink(directory.artifacts).open(LEASE, "growing.csv")
            names = {path.name for path in data.rglob("*")}
            assert {"exportd.sqlite3-wal", "secret.key", "export.csv", "lease-1", ".spool", "lock"} <= names
            assert open_to_others(data) == {}
            scratch.close()


@pytest.mark.usefixtures("_umask")
async def test_all_that_is_kept_is_private_in_a_new_directory(tmp_path: Path) -> None:
    await used(tmp_path / "data")


@pytest.mark.usefixtures("_umask")
async def test_and_in_one_that_was_there(tmp_path: Path) -> None:
    for folder in (tmp_path / "data", tmp_path / "data" / "artifacts"):
        folder.mkdir()
        folder.chmod(0o755)
    await used(tmp_path / "data")


@pytest.mark.usefixtures("_umask")
async def test_and_what_was_kept_before_becomes_so(tmp_path: Path) -> None:
    """A version before left them as the umask said."""
    await used(tmp_path)
    for path in [tmp_path, *tmp_path.iterdir()]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    for copy in ("exportd.sqlite3.0004.backup", "exportd.sqlite3-wal"):
        (tmp_path / copy).touch()
        (tmp_path / copy).chmod(0o644)
    await used(tmp_path)


def somebodys(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it belong to another user than this process's, who is not root either."""
    if os.geteuid() == 0:
        os.chown(path, SOMEBODY, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)


@pytest.mark.parametrize("use", [own_folder, check_owner, DataDirectory.open, FolderArtifactStore.in_folder])
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "data"
    folder.mkdir(mode=0o777)
    somebodys(folder, monkeypatch)
    with pytest.raises(NotOurs, match=str(folder)):
        use(folder)


@pytest.mark.parametrize("name", ["secret.key", "lock", "exportd.sqlite3", "exportd.sqlite3-wal"])
async def test_a_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).write_bytes(b"x" * 32)
    somebodys(tmp_path / name, monkeypatch)

    async def start() -> None:
        with DataDirectory.open(tmp_path) as directory:
            secret_key(key_file(directory.path, None), make=True)
            await (await SqliteDatabase.open(directory.database)).close()

    with pytest.raises(NotOurs):
        await start()


def test_a_file_that_is_made_is_empty_and_one_that_is_there_keeps_its_bytes(tmp_path: Path) -> None:
    own_file(tmp_path / "new")
    (tmp_path / "old").write_bytes(b"content")
    own_file(tmp_path / "old")
    assert ((tmp_path / "new").read_bytes(), (tmp_path / "old").read_bytes()) == (b"", b"content")


def test_what_is_not_there_yet_has_no_owner_to_check(tmp_path: Path) -> None:
    check_owner(tmp_path / "artifacts")
