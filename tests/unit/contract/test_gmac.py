"""The code with which the api recognises the bytes that a worker wrote."""

import hashlib

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.contract.gmac import Gmac

KEY = "export/lease/export.csv"
CONTENT = bytes(range(256)) * 40


def of(content: bytes, key: str = KEY) -> str:
    code = Gmac(key)
    for start in range(0, len(content), 999):
        code.update(memoryview(content)[start : start + 999])
    return code.hexdigest()


@pytest.mark.parametrize("content", [b"", b"x", CONTENT])
def test_it_is_what_the_interface_says(content):
    expected = AESGCM(hashlib.sha256(KEY.encode()).digest()).encrypt(bytes(12), b"", content).hex()
    assert of(content) == expected


def test_bytes_of_arrow_are_taken():
    code = Gmac(KEY)
    code.update(memoryview(pa.py_buffer(CONTENT)))
    assert code.hexdigest() == of(CONTENT)


@pytest.mark.parametrize("place", [0, 5_000, len(CONTENT) - 1])
def test_a_flipped_bit_gives_another_one(place):
    flipped = CONTENT[:place] + bytes([CONTENT[place] ^ 1]) + CONTENT[place + 1 :]
    assert of(flipped) != of(CONTENT)


def test_the_same_bytes_below_another_key_have_another_one():
    assert of(CONTENT, "export/lease/attachments.zip") != of(CONTENT)
