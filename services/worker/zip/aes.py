"""WinZip's AES-256 encryption of entries, AE-2: https://www.winzip.com/en/support/aes-encryption/

The counter of the key stream is little-endian, which no library's CTR mode supports. So the counters are encrypted as
blocks (ECB) and combined with the content by pyarrow, which is far faster than deflating it.
"""

import hashlib
import hmac
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_ROUNDS = 1000
_KEYS_AHEAD = 8
_BLOCK = 16
_PIECE = 1 << 16
_PIECE_BLOCKS = _PIECE // _BLOCK


@dataclass(frozen=True, slots=True)
class EntryKey:
    """The keys of one entry.

    They are its `salt`, the keys derived from it, and two bytes by which a reader recognises a wrong password.
    """

    salt: bytes
    cipher: bytes = field(repr=False)
    authentication: bytes = field(repr=False)
    verifier: bytes = field(repr=False)


def derived(password: str, salt: bytes) -> EntryKey:
    """Derive the key of an entry. This takes almost a millisecond and releases the GIL."""
    made = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, _ROUNDS, 66)
    return EntryKey(salt, made[:32], made[32:64], made[64:])


class Seals:
    """Makes the seals of entries. Each has its own salt and keys, which other threads derive in advance."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._pool = ThreadPoolExecutor(2, "zip-seals")
        self._ahead: deque[Future[EntryKey]] = deque()

    def take(self) -> "Seal":
        """Return the seal of the next entry."""
        while len(self._ahead) <= _KEYS_AHEAD:
            self._ahead.append(self._pool.submit(derived, self._password, os.urandom(16)))
        return Seal(self._ahead.popleft().result(), self._pool)

    def close(self) -> None:
        """Stop deriving keys. Idempotent."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Seal:
    """Encrypts the content of one entry from start to end. `threads` authenticate large content."""

    def __init__(self, key: EntryKey, threads: Executor) -> None:
        self._key = key
        self._threads = threads
        self._authenticating: Future[None] | None = None
        self._blocks = Cipher(algorithms.AES(key.cipher), modes.ECB()).encryptor()  # noqa: S305 - of counters only
        self._code = hmac.new(key.authentication, digestmod="sha1")
        self._position = 0

    def head(self) -> bytes:
        """Return the bytes before the content."""
        return self._key.salt + self._key.verifier

    def update(self, content: bytes | memoryview) -> bytes:
        """Encrypt the next bytes. The result has the same length."""
        view = memoryview(content).cast("B")
        pieces = []
        while view:
            size = _PIECE - self._position % _BLOCK
            pieces.append(self._piece(view[:size]))
            view = view[size:]
        sealed = b"".join(pieces)
        self._authenticate(sealed)
        return sealed

    def whole(self, content: Sequence[bytes | memoryview]) -> tuple[bytes, ...]:
        """Encrypt the whole content of an entry. The result includes the bytes before and after it."""
        return (self.head(), *map(self.update, content), self.tail())

    def tail(self) -> bytes:
        """Return the bytes after the content: its authentication code."""
        self._wait()
        return self._code.digest()[:10]

    def _authenticate(self, sealed: bytes) -> None:
        """Add bytes to the authentication code, in order.

        This takes as long as encrypting, so it runs while the next bytes are encrypted.
        """
        self._wait()
        if len(sealed) < _PIECE:
            self._code.update(sealed)
        else:
            self._authenticating = self._threads.submit(self._code.update, sealed)

    def _wait(self) -> None:
        if self._authenticating:
            self._authenticating.result()
            self._authenticating = None

    def _piece(self, content: memoryview) -> memoryview:
        """Encrypt at most 64 KiB that end at a block or at the end of the given bytes.

        The cipher works on whole blocks.
        """
        first, skipped = divmod(self._position, _BLOCK)
        self._position += len(content)
        size = skipped + len(content)
        if skipped or size % _BLOCK:
            content = memoryview(b"".join((bytes(skipped), content, bytes(-size % _BLOCK))))
        stream = self._blocks.update(_counters(first, len(content) // _BLOCK))
        return _laid_over(content, stream)[skipped:size]


def _counters(first: int, count: int) -> memoryview:
    """Return `count` little-endian counters of 16 bytes after block number `first`.

    The first block has the counter 1.
    """
    numbers, low_halves = _from_one()
    shift = pc.multiply(low_halves.slice(0, 2 * count), pa.scalar(first, pa.uint64()))
    return _bytes(pc.add(numbers.slice(0, 2 * count), shift))


@cache
def _from_one() -> tuple[pa.UInt64Array, pa.UInt64Array]:
    """Return 1, 0, 2, 0, 3, 0… and 1, 0, 1, 0…: the counters of a piece, and the positions of their low halves."""
    halves = [half for number in range(1, _PIECE_BLOCKS + 2) for half in (number, 0)]
    return pa.array(halves, pa.uint64()), pa.array([1, 0] * (_PIECE_BLOCKS + 1), pa.uint64())


def _laid_over(content: memoryview, stream: bytes) -> memoryview:
    """Return the XOR of two sequences of whole blocks. Eight bytes at a time are 20 times as fast as single bytes."""
    size = len(stream) // 8
    left, right = (pa.Array.from_buffers(pa.uint64(), size, [None, pa.py_buffer(part)]) for part in (content, stream))
    return _bytes(pc.bit_wise_xor(left, right))


def _bytes(numbers: "pa.Array[Any]") -> memoryview:
    """Return the memory of an array that was just made."""
    content = cast("pa.Buffer", numbers.buffers()[1])
    return memoryview(content).cast("B")[: len(numbers) * numbers.type.bit_width // 8]
