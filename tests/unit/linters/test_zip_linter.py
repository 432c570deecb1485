"""Each fault of a container, made in a ZIP that is otherwise right, is found."""

import io
import random
import struct
import zipfile

import pytest

from tests.linters.fault import rules_of
from tests.linters.zip_linter import zip_faults
from tests.tiers import deep

ENTRIES = {"first.txt": b"one " * 1000, "dir/second.bin": b"\0\1\2", "éa.txt": b"x"}
LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


def zip_of(entries=ENTRIES, method=zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name, date_time=(2026, 1, 2, 3, 4, 6))  # fixed: some tests put another time there
            archive.writestr(entry, content, method)
    return file.getvalue()


def faults(content: bytes, **options) -> list[str]:
    return rules_of(zip_faults(io.BytesIO(content), **options))


def patched(content: bytes, signature: bytes, at: int, value: bytes, number: int = 0) -> bytes:
    """With `value` over the bytes `at` bytes into the header of an entry."""
    where = -1
    for _ in range(number + 1):
        where = content.index(signature, where + 1)
    return content[: where + at] + value + content[where + at + len(value) :]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_without_a_fault_has_none(method):
    assert faults(zip_of(method=method)) == []
    assert faults(zip_of(), first=("first.txt",)) == []


@pytest.mark.parametrize(
    ("rule", "signature", "at", "value"),
    [
        ("zip-headers-differ", LOCAL, 4, b"\x2d"),  # version
        ("zip-headers-differ", LOCAL, 6, b"\x02"),  # flags
        ("zip-headers-differ", LOCAL, 10, b"\x01"),  # time
        ("zip-headers-differ", LOCAL, 14, b"\0\0\0\0"),  # crc
        ("zip-headers-differ", LOCAL, 22, b"\1\0\0\0"),  # size
        ("zip-headers-differ", LOCAL, 30, b"F"),  # name
        ("zip-headers-differ", CENTRAL, 6, b"\x2d"),
        ("zip-crc", CENTRAL, 16, b"\0\0\0\0"),
        ("zip-content", CENTRAL, 24, b"\1\0\0\0"),
        ("zip-method", CENTRAL, 10, b"\x0c"),
        ("zip-version", CENTRAL, 6, b"\x0a"),
    ],
)
def test_a_header_that_says_something_else_is_found(rule, signature, at, value):
    assert rule in faults(patched(zip_of(), signature, at, value))


def test_a_method_that_only_one_header_names_is_found():
    assert "zip-headers-differ" in faults(patched(zip_of(), LOCAL, 8, b"\0\0"))


def test_damaged_content_is_found():
    assert faults(patched(zip_of(), LOCAL, 45, b"\xff\xff\xff")) == ["zip-content"]
    assert faults(patched(zip_of(method=zipfile.ZIP_STORED), LOCAL, 45, b"?")) == ["zip-crc"]


def test_data_descriptors_are_found():
    file = io.BytesIO()

    class Unseekable(io.RawIOBase):
        def writable(self):
            return True

        def write(self, block):
            return file.write(block)

    with zipfile.ZipFile(Unseekable(), "w") as archive:
        archive.writestr("a", b"x" * 100)
    assert "zip-data-descriptor" in faults(file.getvalue())


def test_zip64_that_nothing_needs_is_found():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, archive.open("a", "w", force_zip64=True) as entry:
        entry.write(b"x")
    assert "zip-zip64" in faults(file.getvalue())


def test_a_zip64_end_that_nothing_needs_is_found():
    content = zip_of()
    at = content.index(END)
    count, size, offset = struct.unpack_from("<HII", content, at + 10)
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, at, 1)
    assert faults(content[:at] + end64 + locator + content[at:]) == ["zip-zip64"]


@deep
def test_more_entries_than_16_bits_count_need_zip64_and_are_fine():
    many = zip_of({f"{n:x}": b"" for n in range(65_536)}, zipfile.ZIP_STORED)
    assert faults(many) == []


def test_entries_over_each_other_are_found():
    content = zip_of({"a": b"1" * 50, "b": b"2" * 50}, zipfile.ZIP_STORED)
    assert "zip-overlap" in faults(patched(content, CENTRAL, 42, b"\0\0\0\0", number=1))


def test_bytes_that_belong_to_no_entry_are_found():
    content = zip_of()
    at = content.index(CENTRAL)
    where = content.index(END)
    moved = struct.pack("<I", at + 4)
    later = content[:at] + b"junk" + content[at : where + 16] + moved + content[where + 20 :]
    assert faults(later) == ["zip-gap"]


def test_names_that_differ_in_case_only_are_found():
    assert faults(zip_of({"a.txt": b"1", "A.TXT": b"2"})) == ["zip-duplicate-name"]


def test_a_name_beyond_ascii_without_the_utf8_flag_is_found():
    content = zip_of({"é": b"1"})
    bare = patched(patched(content, LOCAL, 6, b"\0\0"), CENTRAL, 8, b"\0\0")
    assert faults(bare) == ["zip-utf8-flag"]


@pytest.mark.parametrize("name", ["/etc/passwd", "a/../../b", "c:a", "a\\b"])
def test_names_that_leave_the_directory_are_found(name):
    assert faults(zip_of({name: b""})) == ["zip-unsafe-name"]


def test_another_first_entry_is_found():
    assert faults(zip_of(), first=("other.txt",)) == ["zip-first-entry"]


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 10, zip_of()[:-1], zip_of() + b"more"])
def test_what_is_no_zip_is_said_to_be_none(content):
    assert faults(content) == ["zip-structure"]


def test_an_archive_comment_is_found():
    file = io.BytesIO(zip_of())
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"hello"
    assert faults(file.getvalue()) == ["zip-comment"]


def test_a_zip_without_entries_is_found():
    assert faults(zip_of({})) == ["zip-empty"]


def test_old_encryption_is_no_aes():
    content = patched(patched(zip_of(), LOCAL, 6, b"\1"), CENTRAL, 8, b"\1")
    assert faults(content) == ["zip-aes", "zip-aes-crc"]


def test_damage_anywhere_never_stops_the_linter():
    whole = zip_of()
    choose = random.Random(7)
    for _ in range(2000):
        at = choose.randrange(len(whole))
        zip_faults(io.BytesIO(whole[:at] + bytes([choose.randrange(256)]) + whole[at + 1 :]))
