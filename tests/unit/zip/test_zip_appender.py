import io
import os
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.worker.zip.appender import ZipAppender
from services.worker.zip.content import CHUNK, last_piece, piece
from services.worker.zip.entry import EntryTooLarge
from tests.linters.archivers import exit_code
from tests.linters.zip_linter import zip_faults
from tests.tiers import deep
from tests.unit.zip.zips import LOW, MOMENT, zip_of

CONTENTS = {
    "a.txt": b"hello",
    "empty.txt": b"",
    "ñandú/ключ.xml": b"<a/>" * 1000,
    "large.csv": b"1,2,3\r\n" * 500_000,
    "random.bin": os.urandom(CHUNK + 1),
    "one-chunk.csv": b"x" * CHUNK,
    "photo.jpg": b"x" * 2_000_000,
}


def read(path, password=None) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {i.filename: archive.read(i) for i in archive.infolist()}


@pytest.mark.parametrize("limits", [None, LOW])
@pytest.mark.parametrize("seekable", [True, False])
def test_content_of_every_kind_and_size_reads_back_in_order(tmp_path, limits, seekable):
    found = read(zip_of(CONTENTS.items(), tmp_path, limits=limits, seekable=seekable))
    assert list(found.items()) == list(CONTENTS.items())


def test_the_container_has_no_fault_that_a_reader_could_repair(tmp_path):
    with zip_of(CONTENTS.items(), tmp_path).open("rb") as file:
        assert zip_faults(file) == []


@pytest.mark.parametrize("limits", [None, LOW])
def test_where_nothing_is_patched_sizes_follow_what_was_not_known_before(tmp_path, limits):
    """libarchive reads from start to end what comes through a pipe."""
    path = zip_of(CONTENTS.items(), tmp_path, limits=limits, seekable=False)
    with path.open("rb") as file:
        described = {fault.where for fault in zip_faults(file) if fault.rule == "zip-data-descriptor"}
    assert described == {"large.csv", "random.bin", "one-chunk.csv", "photo.jpg"}
    assert exit_code("libarchive", "/dev/stdin", stdin=path.read_bytes()) == 0


@pytest.mark.slow
@pytest.mark.parametrize("seekable", [True, False])
@pytest.mark.parametrize("limits", [None, LOW])
@pytest.mark.parametrize(
    "command", [("unzip", "-tqq"), ("libarchive",), ("7zz", "t"), ("zip", "-T")], ids=lambda c: c[0]
)
def test_other_programs_find_no_fault_with_and_without_zip64(tmp_path, command, limits, seekable):
    path = zip_of(CONTENTS.items(), tmp_path, limits=limits, seekable=seekable)
    assert exit_code(*command, path) == 0


def test_content_is_deflated_only_where_that_makes_it_smaller(tmp_path):
    with zipfile.ZipFile(zip_of(CONTENTS.items(), tmp_path)) as archive:
        stored = {i.filename for i in archive.infolist() if i.compress_type == zipfile.ZIP_STORED}
    assert stored == {"a.txt", "empty.txt", "random.bin", "photo.jpg"}


def test_zip64_is_used_only_by_what_needs_it(tmp_path):
    contents = {"small.txt": b"x", "large.bin": os.urandom(1000), "streamed.bin": os.urandom(CHUNK), "far.txt": b"y"}
    with zipfile.ZipFile(zip_of(contents.items(), tmp_path, limits=LOW)) as archive:
        versions = {i.filename: i.extract_version for i in archive.infolist()}
    assert versions == {"small.txt": 20, "large.bin": 45, "streamed.bin": 45, "far.txt": 45}
    with zipfile.ZipFile(zip_of(contents.items(), tmp_path)) as archive:
        assert {i.extract_version for i in archive.infolist()} == {20}
    assert b"PK\x06\x06" not in (tmp_path / "made.zip").read_bytes()[-200:]


@deep
def test_seventy_thousand_entries_are_all_there(tmp_path):
    path = zip_of(((f"files/{n}.txt", b"%d" % n) for n in range(70_000)), tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.infolist()) == 70_000
        assert archive.read("files/69999.txt") == b"69999"
    assert exit_code("unzip", "-Zt", path) == 0


def open_files() -> list[str]:
    """What this process has open, by name; one that is closed meanwhile is left out."""
    names = []
    for number in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            names.append(str(number.readlink()))
    return names


def test_a_directory_of_many_entries_is_kept_in_a_file_that_has_no_name(tmp_path):
    appender = ZipAppender(io.BytesIO(), MOMENT, tmp_path)
    for n in range(10_000):
        appender.put(f"{n}.txt", last_piece(b""))
    assert list(tmp_path.iterdir()) == []
    assert any(str(tmp_path) in name and "deleted" in name for name in open_files())


def test_an_entry_made_of_pieces_from_elsewhere_is_one_stream():
    file = io.BytesIO()
    appender = ZipAppender(file, MOMENT)
    entry = appender.open("sheet.xml")
    parts = [b"<row/>" * 1000, b"", b"<cell/>" * 5000]
    for part in parts:
        entry.append(piece(part))
    entry.append(last_piece(b"</sheet>"))
    entry.close()
    appender.put("styles.xml", last_piece(b"<styles/>"))
    appender.close()
    assert entry.size == len(b"".join(parts)) + 8
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.read("sheet.xml") == b"".join(parts) + b"</sheet>"
        assert zlib.crc32(archive.read("sheet.xml")) == archive.getinfo("sheet.xml").CRC
    assert zip_faults(file) == []


def test_an_entry_opened_for_less_than_4_gib_refuses_to_grow_beyond():
    entry = ZipAppender(io.BytesIO(), MOMENT, limits=LOW).open("sheet.xml")
    entry.append(piece(b"x" * 999))
    with pytest.raises(EntryTooLarge):
        entry.append(piece(b"x"))


@pytest.mark.parametrize(("size", "version"), [(999, 20), (1000, 45)])
def test_room_kept_for_large_sizes_is_padding_until_it_is_needed(size, version):
    file = io.BytesIO()
    appender = ZipAppender(file, MOMENT, limits=LOW)
    entry = appender.open("a.csv", may_be_large=True)
    entry.append(last_piece(b"x" * size))
    entry.close()
    appender.close()
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo("a.csv")
        assert (info.extract_version, archive.read(info)) == (version, b"x" * size)


def test_what_was_given_up_is_no_zip(tmp_path):
    file = io.BytesIO()
    ZipAppender(file, MOMENT, tmp_path).add("a.txt", io.BytesIO(b"x"))
    assert not zipfile.is_zipfile(file)


def test_a_stream_that_gives_a_little_at_a_time_is_read_to_its_end(tmp_path):
    class Dripping(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 100_000))

    file = io.BytesIO()
    appender = ZipAppender(file, MOMENT, tmp_path)
    content = os.urandom(2_500_000)
    assert appender.add("a.bin", Dripping(content)) == len(content)
    appender.close()
    assert zipfile.ZipFile(file).read("a.bin") == content


@pytest.mark.parametrize("name", ["", "x" * 65_536])
def test_a_name_that_no_header_holds_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        ZipAppender(io.BytesIO(), MOMENT).put(name, last_piece(b""))


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/\\"), min_size=1, max_size=50)


@settings(deadline=None)
@given(st.dictionaries(NAMES, st.binary(max_size=3000), min_size=1, max_size=5))
def test_any_names_and_contents_read_back(contents):
    file = io.BytesIO()
    appender = ZipAppender(file, MOMENT)
    for name, content in contents.items():
        appender.add(name, io.BytesIO(content))
    appender.close()
    assert read(file) == contents
