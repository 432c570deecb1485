"""Artifacts in a real folder."""

import asyncio
import errno
import os
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.api.ports.artifacts import Content
from services.api.storage.artifacts.folder import MAX_HASHED_BYTES, FolderArtifactStore, MarkerUnreadable
from services.contract.job import LeaseRef
from services.contract.store import MARKER, artifact_prefix

PREFIX = artifact_prefix(LeaseRef("export", "lease"))
KEY = PREFIX + "table.xlsx"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "artifacts"


@pytest.fixture
def store(root):
    return FolderArtifactStore.in_folder(root)


@pytest.fixture
def content(root, store):
    (root / PREFIX).mkdir(parents=True)
    (root / KEY).write_bytes(b"0123456789")


def test_everyone_who_comes_first_at_once_finds_one_store(root):
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: FolderArtifactStore.in_folder(root).store_id, range(32)))
    assert len(ids) == 1
    assert ids == {str(uuid.UUID((root / MARKER).read_text().strip()))}
    assert [path.name for path in root.iterdir()] == [MARKER]
    assert root.stat().st_mode & 0o777 == 0o700


def test_a_marker_of_something_else_is_refused(root):
    root.mkdir()
    (root / MARKER).write_bytes(b"\xffnot one")
    with pytest.raises(MarkerUnreadable, match="EXPORTD_ARTIFACTS"):
        FolderArtifactStore.in_folder(root)


@pytest.mark.usefixtures("content")
async def test_a_reader_gives_exactly_the_bytes_asked_for(store):
    assert await store.size(KEY) == 10
    reader = await store.open(KEY)
    assert reader.size_bytes == 10
    assert await reader.read(2, 3, bytes) == b"234"
    assert await reader.read(8, 100, bytes) == b"89"
    assert await reader.read(10, 5, bytes) == b""
    await reader.close()
    await reader.close()
    with pytest.raises(ValueError, match="closed"):
        await reader.read(0, 1, bytes)


@pytest.fixture
def cached(content, root, monkeypatch):
    """The content is in memory. Where this file system cannot tell, it reads as if it could."""
    real = os.preadv
    with (root / KEY).open("rb") as file:
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except OSError:
            monkeypatch.setattr(os, "preadv", lambda descriptor, into, offset, _: real(descriptor, into, offset))


@pytest.mark.usefixtures("cached")
async def test_bytes_in_memory_are_had_without_a_wait_and_all_or_none(store):
    reader = await store.open(KEY)
    for offset, length, filled in ((0, 10, b"0123456789"), (2, 3, b"234"), (8, 2, b"89"), (8, 3, None), (10, 1, None)):
        into = bytearray(length)
        assert reader.fill(offset, memoryview(into)) == (filled is not None)
        assert filled is None or into == filled
    await reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.fill(0, memoryview(bytearray(1)))


@pytest.mark.usefixtures("cached")
async def test_bytes_that_the_system_has_in_part_are_put_together_or_not_there(store, monkeypatch):
    reader, real, asked = await store.open(KEY), os.preadv, []

    def preadv(descriptor, buffers, offset, flags):
        assert flags == os.RWF_NOWAIT
        asked.append(offset)
        if offset == missing:
            raise BlockingIOError(errno.EAGAIN, "not in memory")
        return real(descriptor, [buffers[0][:4]], offset, flags)

    monkeypatch.setattr(os, "preadv", preadv)
    missing, into = -1, bytearray(10)
    assert reader.fill(0, memoryview(into))
    assert (bytes(into), asked) == (b"0123456789", [0, 4, 8])
    missing = 4
    assert not reader.fill(0, memoryview(into))
    assert await reader.read(0, 10, bytes) == b"0123456789"
    await reader.close()


@pytest.mark.usefixtures("content")
async def test_what_is_too_large_to_be_hashed_at_once_has_no_hash_yet(store, root):
    os.truncate(root / KEY, MAX_HASHED_BYTES)
    assert len((await store.content(KEY)).sha256) == 64
    os.truncate(root / KEY, MAX_HASHED_BYTES + 1)
    assert await store.content(KEY) == Content(MAX_HASHED_BYTES + 1, "")


@pytest.mark.usefixtures("content")
async def test_an_open_reader_outlives_its_artifact(store):
    reader = await store.open(KEY)
    await store.remove(PREFIX)
    await store.remove(PREFIX)
    assert await store.size(KEY) is None
    assert await store.open(KEY) is None
    assert await asyncio.gather(reader.read(0, 5, bytes), reader.read(5, 5, bytes)) == [b"01234", b"56789"]
    await reader.close()


@pytest.mark.usefixtures("content")
@pytest.mark.parametrize(
    "key",
    ["", "../secret", "export/../../secret", "export//lease", MARKER, ".spool/w/x", "a\0b",
     "export/lease/link", "export/lease", "export/lease/table.xlsx/x", "nowhere/at/all"],
)  # fmt: skip
async def test_nothing_but_artifacts_can_be_named(store, root, key):
    (root.parent / "secret").write_text("secret")
    (root / PREFIX / "link").symlink_to(root.parent / "secret")
    assert await store.size(key) is None
    assert await store.open(key) is None


# Nothing here leads out of the test's own folder: should every check fail, that alone is lost.
@pytest.mark.parametrize("prefix", ["", "../artifacts/x/", ".spool/x/", "export/", "export/lease/more/", "./export/"])
async def test_nothing_but_artifacts_can_be_removed(store, root, prefix):
    with pytest.raises(ValueError, match="not a prefix"):
        await store.remove(prefix)
    assert (root / MARKER).exists()
