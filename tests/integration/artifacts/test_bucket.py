"""What only a store in a bucket has: parts that go up, uploads that nobody ends, answers that break off."""

import errno
import hashlib
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from services.contract.errors import StoreUnavailable
from services.contract.job import LeaseRef
from services.objects.settings import BucketStore
from services.worker import ports as sinks
from services.worker.artifacts import object_writer, open_sink
from services.worker.artifacts.object_writer import PART_BYTES
from tests.integration.artifacts.writers import CONTENT, KEY, LEASE, NAME, content_of, nothing, stored
from tests.patience import PATIENCE_S
from tests.servers.unsteady_relay import UnsteadyRelay, unsteady_relay
from tests.tiers import deep

STRANGER = LeaseRef("export-2", "lease-1")
LARGE = os.urandom(PART_BYTES + PART_BYTES // 2)

pytestmark = pytest.mark.parametrize("place", ["bucket"], indirect=True)


async def test_a_file_of_several_parts_is_whole(sink, reader):
    writer = sink.open(LEASE, NAME)
    for start in range(0, 3 * len(LARGE), 1 << 20):
        writer.write((LARGE * 3)[start : start + (1 << 20)])
    file = writer.close(nothing)
    assert file.sha256 == hashlib.sha256(LARGE * 3).hexdigest()
    assert await content_of(reader, KEY) == LARGE * 3


def test_what_is_aborted_between_parts_leaves_no_upload(sink, place):
    writer = sink.open(LEASE, NAME)
    writer.write(LARGE)
    writer.write(LARGE)
    writer.abort()
    assert place.names() == []


def test_a_bucket_has_no_place_to_go_back_to(sink):
    writer = sink.open(LEASE, NAME)
    assert not writer.seeks
    with pytest.raises(OSError, match="appended") as refused:
        writer.seekable()
    assert refused.value.errno == errno.ESPIPE
    writer.abort()


def test_more_parts_than_a_store_takes_are_refused_before_it_is_asked(sink, monkeypatch):
    monkeypatch.setattr(object_writer, "MAX_OBJECT_BYTES", len(CONTENT))
    writer = sink.open(LEASE, NAME)
    writer.write(CONTENT)
    with pytest.raises(OSError, match="at most") as refused:
        writer.write(b"x")
    assert refused.value.errno == errno.EFBIG
    writer.abort()


# ---- uploads of the dead


def hold(settings: BucketStore, ready, end) -> None:
    """A worker's child in the middle of a large file."""
    writer = open_sink(settings).open(STRANGER, NAME)
    writer.write(LARGE)
    writer.write(LARGE)
    ready.set()
    end.wait()


@pytest.fixture
def killed(place, reader) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    process = context.Process(target=hold, args=(place.settings, ready, end))
    process.start()
    assert ready.wait(PATIENCE_S)
    process.kill()
    process.join()


@pytest.mark.usefixtures("killed")
def test_an_upload_of_a_killed_process_is_withdrawn_with_its_lease(sink, place):
    kept = stored(sink).key
    sink.withdraw(LeaseRef("export-2", "lease-11"))
    assert place.names() == sorted([kept, f"export-2/lease-1/{NAME}"])
    sink.withdraw(STRANGER)
    assert place.names() == [kept]


@pytest.mark.usefixtures("killed")
async def test_the_api_sees_the_upload_of_a_killed_process_and_ends_it(sink, reader, place):
    kept = stored(sink).key
    assert {prefix.lease async for prefix in reader.prefixes()} == {LEASE, STRANGER}
    assert sink.sweep() == []
    await reader.remove("export-2/lease-1/")
    assert place.names() == [kept]


# ---- reading


async def test_reads_that_follow_each_other_are_one_answer_and_others_begin_one(sink, reader):
    stored(sink, content=LARGE)
    file = await reader.open(KEY, 5)
    assert file.size_bytes == len(LARGE)
    for offset, length in ((5, 100), (105, 1 << 20), (len(LARGE) - 7, 100), (3, 4), (7, 0), (7, 1)):
        assert not file.fill(offset, memoryview(bytearray(length)))  # nothing of it is in memory
        assert await file.read(offset, length, bytes) == LARGE[offset : offset + length]
    await file.close()


async def test_an_object_that_was_replaced_is_not_read_on(sink, reader):
    stored(sink, content=LARGE)
    file = await reader.open(KEY)
    await file.read(0, 10, bytes)
    stored(sink, content=LARGE[::-1])
    with pytest.raises(FileNotFoundError):
        await file.read(100, 10, bytes)
    await file.close()


@pytest.fixture
def relay(object_store) -> Iterator[UnsteadyRelay]:
    with unsteady_relay(object_store.endpoint) as relay:
        yield relay


def test_an_upload_outlasts_refusals(reader, place, relay):
    with closing(open_sink(reached_at(place.settings, relay.endpoint))) as sink:
        relay.refusing = 3
        file = stored(sink, content=LARGE * 2)
    assert relay.refused == 3
    assert place.names() == [file.key]


async def test_a_reading_goes_on_where_an_answer_broke_off(sink, reader, place, relay):
    stored(sink, content=LARGE)
    far = type(reader)(reached_at(place.settings, relay.endpoint), reader.store_id)
    relay.cutting_after = len(LARGE) // 4
    assert await content_of(far, KEY) == LARGE
    assert relay.cut >= 2


async def test_a_store_that_refuses_for_long_is_unavailable(reader, place, relay):
    far = type(reader)(reached_at(place.settings, relay.endpoint), reader.store_id)
    relay.refusing = 1_000
    with pytest.raises(StoreUnavailable):
        await far.size(KEY)
    relay.refusing = 0
    assert await far.size(KEY) is None


@deep
async def test_an_answer_that_breaks_off_again_and_again_is_given_up(sink, reader, place, relay):
    stored(sink, content=LARGE)
    far = type(reader)(reached_at(place.settings, relay.endpoint), reader.store_id)
    relay.cutting_after = 100_000
    file = await far.open(KEY)
    relay.cutting_after = 0
    with pytest.raises(StoreUnavailable):
        await file.read(0, len(LARGE), bytes)


@deep
async def test_a_store_that_does_not_answer_is_unavailable(reader, place, unanswering):
    gone = type(reader)(unanswering(place.settings), reader.store_id)
    for verb in (gone.size(KEY), gone.open(KEY), gone.remove("export-1/lease-1/"), anext(gone.prefixes())):
        with pytest.raises(StoreUnavailable):
            await verb


def test_a_worker_whose_store_does_not_answer_hears_so(place, reader, unanswering):
    with closing(open_sink(unanswering(place.settings))) as sink:
        with pytest.raises(sinks.StoreUnavailable):
            sink.store_id()
        writer = sink.open(LEASE, NAME)
        with pytest.raises(OSError, match="Error performing"):
            stored(sink)
        writer.abort()


def reached_at(bucket: BucketStore, endpoint: str) -> BucketStore:
    options = dict(bucket.options) | {"AWS_ENDPOINT_URL": endpoint}
    return BucketStore(bucket.url, tuple(options.items()))


@pytest.fixture
def unanswering():
    """The same bucket at a port where nobody listens."""
    return lambda bucket: reached_at(bucket, "http://127.0.0.1:9")
