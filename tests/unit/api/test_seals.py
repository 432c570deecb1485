"""Bytes are right when they have the sha256, whether it is computed or they are known."""

import hashlib
import random

import pytest

from services.api.secrets import seals as module
from services.api.secrets.seals import Seals

CONTENT = random.Random(7).randbytes(100_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def is_right(seals: Seals, content: bytes, sha256: str = SHA256, piece: int = 7_000) -> bool:
    inspection = seals.inspection(sha256)
    for begin in range(0, len(content), piece):
        inspection.update(content[begin : begin + piece])
    return inspection.is_right()


@pytest.fixture(params=["first", "again"])
def seals(request: pytest.FixtureRequest) -> Seals:
    """That of bytes nobody has seen, and that of bytes that were right before."""
    made = Seals()
    if request.param == "again":
        assert is_right(made, CONTENT)
    return made


@pytest.mark.parametrize("piece", [1_000, 4_099, 100_000])
def test_the_bytes_are_right_however_they_come(seals: Seals, piece: int) -> None:
    assert is_right(seals, CONTENT, piece=piece)


@pytest.mark.parametrize("at", [0, 15, 16, 50_000, 99_999])
def test_one_other_bit_is_wrong_and_stays_wrong(seals: Seals, at: int) -> None:
    changed = bytearray(CONTENT)
    changed[at] ^= 1
    assert not any(is_right(seals, bytes(changed)) for _ in range(3))
    assert is_right(seals, CONTENT)


@pytest.mark.parametrize("other", [b"", CONTENT[:-1], CONTENT + b"\0", CONTENT[1:] + CONTENT[:1]])
def test_fewer_more_and_moved_bytes_are_wrong(seals: Seals, other: bytes) -> None:
    assert not is_right(seals, other)


def test_no_bytes_have_a_sha256_of_their_own() -> None:
    seals, sha256 = Seals(), hashlib.sha256().hexdigest()
    assert [is_right(seals, b"", sha256), is_right(seals, b"", sha256), is_right(seals, b"1", sha256)] == [
        True,
        True,
        False,
    ]


def test_two_processes_have_codes_of_their_own() -> None:
    first, second = Seals(), Seals()
    assert is_right(first, CONTENT)
    assert is_right(second, CONTENT)
    assert first.known(SHA256) != second.known(SHA256)


def test_the_oldest_codes_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SEALS", 3)
    seals, contents = Seals(), [bytes([number]) for number in range(5)]
    hashes = [hashlib.sha256(content).hexdigest() for content in contents]
    assert all(is_right(seals, *pair) for pair in zip(contents, hashes, strict=True))
    assert [seals.known(sha256) is not None for sha256 in hashes] == [False, False, True, True, True]
