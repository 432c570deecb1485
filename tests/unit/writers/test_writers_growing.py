import gzip
import io
import subprocess
import threading

import pytest

from services.contract.formats import Compression
from services.worker.writers.growing import GrowingFile

THREADS = ("exportd-serial-sink", "exportd-gzip")
"""Those of a file; stores of other tests in this process have others."""

BLOCKS = [b"a" * 100_000, b"", b"b", bytes(range(256)) * 10_000]


def grown(compression: Compression, blocks: list[bytes]) -> tuple[bytes, GrowingFile]:
    file = io.BytesIO()
    growing = GrowingFile(file, compression)
    for block in blocks:
        growing.write(memoryview(block))
    growing.end()
    return file.getvalue(), growing


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("blocks", [BLOCKS, []])
def test_it_knows_how_many_bytes_it_was_given(compression, blocks):
    content, growing = grown(compression, blocks)
    assert growing.tell() == sum(map(len, blocks))
    if compression is Compression.NONE:
        assert content == b"".join(blocks)


@pytest.mark.parametrize("blocks", [BLOCKS, [], [b""]])
def test_gzip_is_read_by_the_gzip_module_and_the_gzip_command(blocks):
    content, _ = grown(Compression.GZIP, blocks)
    assert gzip.decompress(content) == b"".join(blocks)
    assert subprocess.run(["gzip", "-dc"], input=content, capture_output=True, check=True).stdout == b"".join(blocks)


def test_gzip_holds_no_time_and_no_name_and_is_the_same_each_time():
    content, _ = grown(Compression.GZIP, BLOCKS)
    assert content[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    assert all(grown(Compression.GZIP, BLOCKS)[0] == content for _ in range(5))


class Full(io.BytesIO):
    """A disk without room."""

    def write(self, block) -> int:
        if self.tell() > 100:
            raise OSError(28, "No space left on device")
        return super().write(block)


@pytest.mark.parametrize("compression", Compression)
def test_a_full_disk_is_told_once_to_whoever_writes(compression):
    growing = GrowingFile(Full(), compression)
    with pytest.raises(OSError, match="No space"):  # noqa: PT012 - which call raises depends on the threads
        for _ in range(100):
            growing.write(bytes(range(256)) * 100)
        growing.end()
    growing.abandon()
    assert not [t for t in threading.enumerate() if t.name.startswith(THREADS)]


@pytest.mark.parametrize("compression", Compression)
def test_an_abandoned_file_leaves_no_thread(compression):
    growing = GrowingFile(io.BytesIO(), compression)
    growing.write(b"x")
    growing.abandon()
    growing.abandon()
    assert not [t for t in threading.enumerate() if t.name.startswith(THREADS)]


def test_a_little_is_written_at_the_end_without_a_thread():
    file = io.BytesIO()
    growing = GrowingFile(file, Compression.NONE)
    growing.write(b"a" * 1000)
    growing.write(b"b")
    assert not [t for t in threading.enumerate() if t.name.startswith(THREADS)]
    assert file.getvalue() == b""
    growing.end()
    growing.end()
    assert file.getvalue() == b"a" * 1000 + b"b"


def test_an_abandoned_little_is_not_written():
    file = io.BytesIO()
    growing = GrowingFile(file, Compression.NONE)
    growing.write(b"a")
    growing.abandon()
    assert file.getvalue() == b""


def test_a_full_disk_is_told_about_a_little_as_well():
    file = Full()
    file.seek(101)
    growing = GrowingFile(file, Compression.NONE)
    growing.write(b"a")
    with pytest.raises(OSError, match="No space"):
        growing.end()
