"""What only a store in a folder has: a disk that can be full, a spool with locks, folders that come and go."""

import fcntl
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.contract.job import LeaseRef
from services.contract.store import MARKER
from services.worker.artifacts.folder import FolderSink
from services.worker.ports import StoreUnavailable
from tests.integration.artifacts.places import FolderPlace
from tests.integration.artifacts.writers import CONTENT, KEY, LEASE, NAME, content_of, nothing, stored
from tests.patience import PATIENCE_S

SPOOLED = "export-1.lease-1.export.csv"


@pytest.fixture
def sink(folder: FolderPlace) -> FolderSink:
    return FolderSink(folder.root)


@pytest.fixture
def spool(folder: FolderPlace) -> Path:
    return folder.root / ".spool"


def tree(root: Path) -> list[str]:
    """Everything but the marker and the spool itself, folders too."""
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.name not in (MARKER, ".spool"))


@pytest.mark.parametrize("marker", [b"", b"not one", b"\xff", b"5d9c4d0a-3f0e-4c58-9a5c-5a7b1f6f4c11 and more"])
def test_a_marker_without_an_id_is_none(folder, sink, marker):
    (folder.root / MARKER).write_bytes(marker)
    assert sink.store_id() == ""


def test_a_file_grows_in_the_spool_and_moves_to_its_key(folder, sink):
    writer = sink.open(LEASE, NAME)
    assert tree(folder.root) == [f".spool/{SPOOLED}"]
    writer.close(nothing)
    assert tree(folder.root) == ["export-1", "export-1/lease-1", KEY]


def test_withdrawing_takes_empty_folders_along_and_no_others(folder, sink):
    stored(sink)
    stored(sink, LeaseRef("export-1", "lease-2"))
    sink.withdraw(LEASE)
    assert tree(folder.root) == ["export-1", "export-1/lease-2", "export-1/lease-2/export.csv"]
    sink.withdraw(LeaseRef("export-1", "lease-2"))
    assert tree(folder.root) == []


def test_a_file_is_stored_though_its_folders_are_withdrawn_meanwhile(folder, sink, monkeypatch):
    replace, seen = os.replace, []

    def withdrawn_before(spooled: str, name: str, **folders: int) -> None:
        if not seen:
            seen.append(name)
            (folder.root / KEY).parent.rmdir()
            (folder.root / KEY).parent.parent.rmdir()
        replace(spooled, name, **folders)

    monkeypatch.setattr(os, "replace", withdrawn_before)
    assert stored(sink).key == KEY
    assert seen
    assert (folder.root / KEY).read_bytes() == CONTENT


def test_a_file_that_was_taken_from_the_spool_is_not_looked_for_for_ever(folder, sink, spool):
    writer = sink.open(LEASE, NAME)
    (spool / SPOOLED).unlink()
    with pytest.raises(FileNotFoundError):
        writer.close(nothing)
    writer.abort()


def test_nothing_of_a_dead_ones_file_is_in_a_new_one_of_its_name(folder, sink, spool):
    spool.mkdir()
    (spool / SPOOLED).write_bytes(b"longer")
    assert stored(sink, content=b"short").size_bytes == 5
    assert (folder.root / KEY).read_bytes() == b"short"


def test_a_place_that_takes_no_files_is_told(folder, sink, spool):
    spool.write_text("no folder")
    with pytest.raises(StoreUnavailable):
        sink.open(LEASE, NAME)


def test_the_disk_begins_early_with_a_file_that_grows(sink, monkeypatch):
    told: list[tuple[int, int]] = []
    advise = os.posix_fadvise

    def noted(handle: int, start: int, size: int, advice: int) -> None:
        told.append((start, size))
        advise(handle, start, size, advice)

    monkeypatch.setattr(os, "posix_fadvise", noted)
    writer = sink.open(LEASE, NAME)
    file = writer.seekable()
    for _ in range(20):
        file.write(os.urandom(1 << 20))
        writer.push()
    writer.close(nothing)
    assert [start for start, _ in told] == [0, told[0][1]]
    assert all(size >= 8 << 20 for _, size in told)


# ---- a full disk


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """No file of this process can grow beyond: writes end with EFBIG, as others do with ENOSPC."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_told_and_leaves_nothing(folder, sink):
    writer = sink.open(LEASE, NAME)
    with room_for(100_000), pytest.raises(OSError, match="too large"):
        writer.write(CONTENT)
    writer.abort()
    assert tree(folder.root) == []
    stored(sink)
    assert await content_of(folder.opened_by_api(), KEY) == CONTENT


async def test_a_disk_that_is_full_for_the_last_bytes_publishes_nothing(folder, sink):
    writer = sink.open(LEASE, NAME)
    writer.seekable().write(b"x" * 1000)  # held back
    with room_for(100), pytest.raises(OSError, match="too large"):
        writer.close(nothing)
    assert tree(folder.root) == [f".spool/{SPOOLED}"]
    with room_for(100):
        writer.abort()
    assert tree(folder.root) == []


# ---- locks


def locks_waited_for(path: Path) -> bool:
    """Whether somebody waits for the lock of this file."""
    inode = str(path.stat().st_ino)
    return any("->" in line and f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines())


def test_a_file_that_is_swept_before_its_writer_has_locked_it_is_made_anew(folder, sink, spool):
    """The sweep finds it between its making and its lock, and removes it: the writer must not go on with a file that
    nobody finds, nor with one that the next sweep takes for a dead one's.
    """
    spool.mkdir()
    handle = os.open(spool / SPOOLED, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)  # as a sweep has it
    keys: list[str] = []
    writer = threading.Thread(target=lambda: keys.append(stored(sink).key))
    writer.start()
    while not locks_waited_for(spool / SPOOLED):
        assert writer.is_alive()
    (spool / SPOOLED).unlink()
    os.close(handle)
    writer.join(PATIENCE_S)
    assert keys == [KEY]
    assert (folder.root / KEY).read_bytes() == CONTENT


def test_a_sweep_does_not_take_a_new_file_for_the_old_one_of_its_name(folder, sink, spool, monkeypatch):
    """Between the sweep's look and its lock the old file is given up, and a new one is written under its name."""
    old, new = sink.open(LEASE, NAME), []
    flock = fcntl.flock

    def rewritten_before(handle: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        old.abort()
        new.append(sink.open(LEASE, NAME))
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", rewritten_before)
    assert sink.sweep() == []
    new[0].write(CONTENT)
    assert new[0].close(nothing).key == KEY
    assert (folder.root / KEY).read_bytes() == CONTENT


def test_what_is_no_file_of_a_writer_stays_in_the_spool(folder, sink, spool):
    (spool / "somebody's").mkdir(parents=True)
    assert sink.sweep() == []
    assert tree(folder.root) == [".spool/somebody's"]


# ---- what else lies there


async def test_what_is_not_the_services_is_neither_listed_nor_touched(folder, sink):
    """A file system has a `lost+found` at its root, and people have notes."""
    for strange in ("lost+found/x", "export-1/.hidden", "old backups/lease-1", "export-1/lease 1"):
        (folder.root / strange).mkdir(parents=True)
    (folder.root / "notes").write_text("mine")
    before = tree(folder.root)
    stored(sink)
    assert [prefix.lease async for prefix in folder.opened_by_api().prefixes()] == [LEASE]
    sink.sweep()
    sink.withdraw(LEASE)
    assert tree(folder.root) == before
