"""What the worker's sink writes, the api's reader finds: on every store."""

import hashlib
import multiprocessing
import threading
from contextlib import closing

import pyarrow as pa
import pytest

from services.api.ports.artifacts import Content
from services.api.storage.artifacts.folder import SURELY_HASHED_BYTES
from services.contract.job import LeaseRef
from services.worker.artifacts import open_sink
from services.worker.artifacts.settings import ArtifactSettings
from tests.integration.artifacts.places import Place
from tests.integration.artifacts.writers import CONTENT, KEY, LEASE, NAME, content_of, nothing, stored
from tests.patience import PATIENCE_S

SIBLING = LeaseRef("export-1", "lease-2")
STRANGER = LeaseRef("export-2", "lease-1")
BEGINS_ALIKE = LeaseRef("export-1", "lease-11")


@pytest.mark.parametrize("content", [b"", b"x", CONTENT, bytes(range(256)) * 20_000])
async def test_what_is_appended_is_what_a_download_gets(sink, reader, content):
    writer = sink.open(LEASE, NAME)
    for start in range(0, len(content), 70_001):
        block = memoryview(content)[start : start + 70_001]
        assert writer.write(block) == len(block)
    assert writer.size() == len(content)
    file = writer.close(nothing)
    assert (file.key, file.size_bytes, file.sha256) == (KEY, len(content), hashlib.sha256(content).hexdigest())
    assert writer.size() == len(content)
    assert await reader.size(KEY) == len(content)
    assert await content_of(reader, KEY) == content


@pytest.mark.parametrize("place", ["folder"], indirect=True)
async def test_a_format_may_go_back_to_what_it_wrote(sink, reader):
    ticks: list[None] = []
    writer = sink.open(LEASE, NAME)
    file = writer.seekable()
    file.write(b"....." + CONTENT)
    file.seek(1)
    file.write(b"123")
    file.seek(0, 2)
    file.write(b"end")
    closed = writer.close(lambda: ticks.append(None))
    expected = b".123." + CONTENT + b"end"
    assert (closed.size_bytes, closed.sha256) == (len(expected), hashlib.sha256(expected).hexdigest())
    assert await content_of(reader, KEY) == expected
    assert writer.size() == len(expected)
    assert ticks


@pytest.mark.parametrize("place", ["folder"], indirect=True)
@pytest.mark.parametrize("seekable", [False, True])
async def test_the_writer_and_the_reader_compute_the_same_gmac(sink, reader, seekable):
    writer = sink.open(LEASE, NAME)
    for _ in range(2):
        (writer.seekable() if seekable else writer).write(bytes(SURELY_HASHED_BYTES // 2))
    (writer.seekable() if seekable else writer).write(b"1")
    file = writer.close(nothing)
    assert await reader.content(KEY, gmac_will_do=True) == Content(file.size_bytes, "", file.gmac)
    assert await reader.content(KEY) == Content(file.size_bytes, file.sha256)


async def test_bytes_of_any_buffer_are_taken(sink, reader):
    writer = sink.open(LEASE, NAME)
    for block in (b"bytes, ", memoryview(bytearray(b"an array, ")), memoryview(pa.py_buffer(b"and Arrow's"))):
        assert writer.write(block) == len(block)
    assert writer.close(nothing).size_bytes == 28
    assert await content_of(reader, KEY) == b"bytes, an array, and Arrow's"


async def test_other_threads_may_append(sink, reader):
    writer = sink.open(LEASE, NAME)
    for _ in range(3):
        thread = threading.Thread(target=writer.write, args=(CONTENT,))
        thread.start()
        thread.join()
    assert writer.close(nothing).sha256 == hashlib.sha256(CONTENT * 3).hexdigest()
    assert await content_of(reader, KEY) == CONTENT * 3


async def test_nothing_is_seen_of_a_file_before_it_is_closed(sink, reader):
    writer = sink.open(LEASE, NAME)
    writer.write(CONTENT)
    writer.push()
    assert await reader.size(KEY) is None
    assert [prefix async for prefix in reader.prefixes()] == []
    writer.close(nothing)
    assert [prefix.lease async for prefix in reader.prefixes()] == [LEASE]


async def test_a_lease_has_as_many_files_as_names(sink, reader):
    both = [sink.open(LEASE, name) for name in ("attachments.zip", "export.csv.gz")]
    for writer, content in zip(both, (b"zipped", b"gzipped"), strict=True):
        writer.write(content)
    keys = [writer.close(nothing).key for writer in both]
    assert keys == ["export-1/lease-1/attachments.zip", "export-1/lease-1/export.csv.gz"]
    assert [await content_of(reader, key) for key in keys] == [b"zipped", b"gzipped"]


def test_nothing_stays_of_what_is_aborted(sink, place):
    writer = sink.open(LEASE, NAME)
    writer.write(CONTENT)
    writer.abort()
    writer.abort()
    assert place.names() == []


async def test_what_was_aborted_may_be_written_anew(sink, reader):
    sink.open(LEASE, NAME).abort()
    first = sink.open(LEASE, NAME)
    first.write(CONTENT)
    first.abort()
    stored(sink, content=b"shorter")
    assert await content_of(reader, KEY) == b"shorter"


async def test_to_abort_what_is_closed_changes_nothing(sink, reader):
    writer = sink.open(LEASE, NAME)
    writer.write(CONTENT)
    writer.close(nothing)
    writer.abort()
    assert await content_of(reader, KEY) == CONTENT


async def test_what_is_withdrawn_is_gone_and_nobody_elses(sink, reader, place):
    stored(sink)
    stored(sink, name="attachments.zip")
    others = [stored(sink, lease).key for lease in (SIBLING, STRANGER, BEGINS_ALIKE)]
    sink.withdraw(LEASE)
    sink.withdraw(LEASE)
    assert await reader.size(KEY) is None
    assert place.names() == sorted(others)


async def test_the_last_file_that_is_withdrawn_leaves_no_trace_of_its_export(sink, reader, place):
    stored(sink)
    sink.withdraw(LEASE)
    assert [prefix async for prefix in reader.prefixes()] == []
    assert place.names() == []


async def test_the_api_removes_what_the_worker_stored(sink, reader, place):
    stored(sink)
    other = stored(sink, SIBLING).key
    prefixes = {prefix.lease async for prefix in reader.prefixes()}
    assert prefixes == {LEASE, SIBLING}
    await reader.remove("export-1/lease-1/")
    assert place.names() == [other]


@pytest.mark.parametrize(
    "lease",
    [
        # Nothing here leads out of the test's own folder: should every check fail, that alone is lost.
        LeaseRef("..", "other"),
        LeaseRef("e1", ""),
        LeaseRef("e1", "."),
        LeaseRef(".spool", "mine"),
        LeaseRef("e1", "../../other"),
        LeaseRef("e1/..", "x"),
        LeaseRef("e1\n", "x"),
        LeaseRef("e1", "x" * 200),
        LeaseRef("e.1", "x"),
    ],
)
def test_a_lease_that_leads_elsewhere_is_refused(sink, place, lease):
    kept = stored(sink).key
    with pytest.raises(ValueError, match="no key"):
        sink.open(lease, NAME)
    sink.withdraw(lease)
    assert place.names() == [kept]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a\0b", "a\n", "x" * 200])
def test_a_name_that_leads_elsewhere_is_refused(sink, place, name):
    with pytest.raises(ValueError, match="no key"):
        sink.open(LEASE, name)
    assert place.names() == []


def test_a_store_has_an_id_once_the_api_has_made_it(place: Place):
    with closing(open_sink(place.settings)) as sink:
        assert sink.store_id() == ""
        made = place.opened_by_api()
        assert sink.store_id() == made.store_id == place.opened_by_api().store_id


def test_there_is_nothing_to_sweep_or_withdraw_before_the_first_file(sink, place):
    assert sink.sweep() == []
    sink.withdraw(LEASE)
    assert place.names() == []


# ---- processes that die


def hold(settings: ArtifactSettings, ready, end) -> None:
    """A worker's child in the middle of its work."""
    writer = open_sink(settings).open(STRANGER, NAME)
    writer.write(CONTENT)
    writer.push()
    ready.set()
    end.wait()


@pytest.fixture
def other(place, reader):
    """Another process, with a file that it writes; set the event to end it."""
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    process = context.Process(target=hold, args=(place.settings, ready, end))
    process.start()
    assert ready.wait(PATIENCE_S)
    yield process
    process.kill()
    process.join()


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_nothing_stays_of_what_is_given_up_and_was_written_at_any_place(sink, place):
    writer = sink.open(LEASE, NAME)
    writer.seekable().write(b"held back")
    writer.abort()
    assert place.names() == []


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_the_sweep_removes_what_the_dead_left_and_nothing_of_the_living(sink, place, other):
    mine = sink.open(LEASE, NAME)
    before = place.names()
    assert sink.sweep() == []
    assert place.names() == before
    other.kill()
    other.join()
    assert len(sink.sweep()) == 1
    assert sink.sweep() == []
    assert len(place.names()) == 1
    mine.close(nothing)
    assert place.names() == [KEY]


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_what_a_killed_process_wrote_is_withdrawn_with_its_lease(sink, place, other):
    other.kill()
    other.join()
    sink.withdraw(LEASE)
    assert len(place.names()) == 1
    sink.withdraw(STRANGER)
    assert place.names() == []
