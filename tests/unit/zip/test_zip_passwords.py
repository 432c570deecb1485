import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pyzipper
from hypothesis import given, settings
from hypothesis import strategies as st

from services.worker.zip import aes
from services.worker.zip.appender import ZipAppender
from services.worker.zip.content import CHUNK, last_piece, piece
from tests.linters.archivers import exit_code
from tests.linters.libarchive_reader import FAULT
from tests.linters.zip_linter import zip_faults
from tests.unit.zip.zips import LOW, MOMENT, zip_of

PASSWORD = "correct horse"
THREADS = ThreadPoolExecutor(1)
CONTENTS = {
    "a.txt": b"hello",
    "empty.txt": b"",
    "ñandú.xml": b"<a/>" * 1000,
    "large.csv": b"".join(b"%d,%d\r\n" % (n, n * n) for n in range(200_000)),
    "random.bin": os.urandom(CHUNK + 3),
}


def read(file, password: str = PASSWORD) -> dict[str, bytes]:
    with pyzipper.AESZipFile(file) as archive:
        archive.setpassword(password.encode())
        return {i.filename: archive.read(i) for i in archive.infolist()}


@pytest.mark.parametrize("limits", [None, LOW])
@pytest.mark.parametrize("seekable", [True, False])
def test_what_was_sealed_reads_back_with_the_password(tmp_path, limits, seekable):
    assert read(zip_of(CONTENTS.items(), tmp_path, PASSWORD, limits, seekable=seekable)) == CONTENTS


@pytest.mark.parametrize("password", ["wrong", "", "correct horse "])
def test_another_password_is_refused(tmp_path, password):
    path = zip_of(CONTENTS.items(), tmp_path, PASSWORD)
    with pytest.raises(RuntimeError, match=r"[Pp]assword"):
        read(path, password)


@pytest.mark.slow
@pytest.mark.parametrize("container", [{"limits": None}, {"limits": LOW}, {"seekable": False}], ids=str)
@pytest.mark.parametrize(("password", "seven_zip", "libarchive"), [(PASSWORD, 0, 0), ("wrong", 2, FAULT)])
def test_7zip_and_libarchive_agree(tmp_path, password, seven_zip, libarchive, container):
    path = zip_of(CONTENTS.items(), tmp_path, PASSWORD, **container)
    assert exit_code("7zz", "t", f"-p{password}", path) == seven_zip
    assert exit_code("libarchive", password, path) == libarchive


def test_a_byte_changed_on_the_way_is_found(tmp_path):
    path = zip_of([("random.bin", os.urandom(1000))], tmp_path, PASSWORD)
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    with pytest.raises(pyzipper.zipfile.BadZipFile):
        read(io.BytesIO(content))


def test_every_entry_is_ae_2_with_a_salt_of_its_own_and_tells_nothing_by_its_crc(tmp_path):
    path = zip_of([("a.txt", b"the same"), ("b.txt", b"the same")], tmp_path, PASSWORD)
    with path.open("rb") as file:
        assert zip_faults(file) == []
    content = path.read_bytes()
    with pyzipper.AESZipFile(path) as archive:
        one, other = archive.infolist()
    starts = [content[i.header_offset + 30 + len(i.filename) + 11 :][: i.compress_size] for i in (one, other)]
    assert starts[0][:16] != starts[1][:16]
    assert starts[0][18:-10] != starts[1][18:-10]


def test_what_another_program_sealed_comes_out_of_the_same_keys(tmp_path):
    """pyzipper's bytes, taken apart by hand: salt, verifier, sealed content and code are what Seal makes of them."""
    raw = os.urandom(200_001)
    with pyzipper.AESZipFile(tmp_path / "theirs.zip", "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(PASSWORD.encode())
        archive.writestr("a.bin", raw)
    with pyzipper.AESZipFile(tmp_path / "theirs.zip") as archive:
        info = archive.getinfo("a.bin")
    content = (tmp_path / "theirs.zip").read_bytes()
    start = info.header_offset + 30 + sum(int.from_bytes(content[at : at + 2], "little") for at in (26, 28))
    theirs = content[start : start + info.compress_size]
    seal = aes.Seal(aes.derived(PASSWORD, theirs[:16]), THREADS)
    assert b"".join(seal.whole([raw])) == theirs


@given(st.lists(st.integers(0, 200_000), max_size=6))
@settings(deadline=None, max_examples=50)
def test_pieces_of_any_size_are_sealed_like_the_whole(sizes):
    key = aes.derived(PASSWORD, b"s" * 16)
    content = os.urandom(sum(sizes))
    whole, pieces, rest = aes.Seal(key, THREADS), aes.Seal(key, THREADS), memoryview(content)
    sealed = []
    for size in sizes:
        sealed.append(pieces.update(rest[:size]))
        rest = rest[size:]
    assert b"".join(sealed) == whole.update(content)
    assert pieces.tail() == whole.tail()


def test_an_entry_made_of_pieces_is_sealed_too():
    file = io.BytesIO()
    appender = ZipAppender(file, MOMENT, password=PASSWORD)
    entry = appender.open("sheet.xml")
    entry.append(piece(b"<row/>" * 1000))
    entry.append(last_piece(b"</sheet>"))
    entry.close()
    appender.close()
    assert read(file) == {"sheet.xml": b"<row/>" * 1000 + b"</sheet>"}


def test_keys_show_nothing_of_themselves():
    key = aes.derived(PASSWORD, b"s" * 16)
    assert repr(key) == f"EntryKey(salt={b's' * 16!r})"


def test_the_content_is_nowhere_in_the_clear(tmp_path: Path):
    path = zip_of([("secret.txt", b"attack at dawn")], tmp_path, PASSWORD)
    assert b"attack" not in path.read_bytes()
