"""What may be relied on of any artifact store, whoever wrote there."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from services.api.ports.artifacts import Content
from services.api.storage.artifacts.folder import FolderArtifactStore
from services.api.storage.memory.artifacts import MemoryArtifactStore
from services.contract.job import LeaseRef
from services.contract.store import artifact_key, artifact_prefix

LEASE, LATER = LeaseRef("export", "lease"), LeaseRef("export", "later")


def folder(path):
    def put(lease, name, content):
        file = path / artifact_key(lease, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    return FolderArtifactStore.in_folder(path), put


def memory(_):
    store = MemoryArtifactStore()
    return store, lambda lease, name, content: store.put(lease, name, content, datetime.now(UTC))


@pytest.fixture(params=[folder, memory], ids=lambda made: made.__name__)
def artifacts(request, tmp_path):
    """A store, and how a worker writes there."""
    return request.param(tmp_path / "artifacts")


async def test_what_was_put_is_read_in_pieces_until_its_end(artifacts):
    store, put = artifacts
    put(LEASE, "table.csv", b"0123456789")
    key = artifact_key(LEASE, "table.csv")
    assert await store.size(key) == 10
    assert await store.content(key) == Content(10, hashlib.sha256(b"0123456789").hexdigest())
    reader = await store.open(key)
    assert reader.size_bytes == 10
    assert [await reader.read(*place, bytes) for place in ((2, 3), (8, 100), (10, 5))] == [b"234", b"89", b""]
    await reader.close()
    await reader.close()
    with pytest.raises(ValueError, match="closed"):
        await reader.read(0, 1, bytes)


async def test_what_is_not_there_has_no_size_and_cannot_be_opened(artifacts):
    store, put = artifacts
    put(LEASE, "table.csv", b"0")
    for key in ("export/lease/other.csv", "export/lease", "export/lease/", "", "../secret"):
        assert [await ask(key) for ask in (store.size, store.content, store.open)] == [None] * 3


async def test_each_lease_that_wrote_is_listed_with_the_time_of_its_last_change(artifacts):
    store, put = artifacts
    assert [each async for each in store.prefixes()] == []
    for lease in (LEASE, LATER):
        put(lease, "a.csv", b"a")
        put(lease, "b.zip", b"b")
    listed = [each async for each in store.prefixes()]
    assert {each.lease for each in listed} == {LEASE, LATER}
    assert len(listed) == 2
    assert all(abs(datetime.now(UTC) - each.modified) < timedelta(hours=1) for each in listed)


async def test_a_prefix_is_removed_with_all_below_it_and_nothing_else_while_an_open_reader_reads_on(artifacts):
    store, put = artifacts
    for lease in (LEASE, LATER):
        put(lease, "table.csv", b"0123456789")
    reader = await store.open(artifact_key(LEASE, "table.csv"))
    for _ in range(2):
        await store.remove(artifact_prefix(LEASE))
    assert await store.size(artifact_key(LEASE, "table.csv")) is None
    assert await reader.read(0, 10, bytes) == b"0123456789"
    await reader.close()
    assert [each.lease async for each in store.prefixes()] == [LATER]
    assert await store.size(artifact_key(LATER, "table.csv")) == 10


@pytest.mark.parametrize("prefix", ["", "/", "..", "export", "export/lease", ".spool/x/"])
async def test_only_a_whole_prefix_can_be_removed(artifacts, prefix):
    store, put = artifacts
    put(LEASE, "table.csv", b"0")
    with pytest.raises(ValueError, match="not a prefix"):
        await store.remove(prefix)
    assert await store.size(artifact_key(LEASE, "table.csv")) == 1
