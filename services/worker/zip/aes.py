"""WinZip's AES-256 encryption of entries, AE-2: https://www.winzip.com/en/support/aes-encryption/

The key stream counts little-endian, which no library's CTR mode does: the counters are encrypted as blocks (ECB) and
laid over the content with pyarrow, far faster than the deflating before it.
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
    """What one entry is encrypted with: its `salt`, the keys made from it, and two bytes by which a reader can tell at
    once that a password is wrong.
    """

    salt: bytes
    cipher: bytes = field(repr=False)
    authentication: bytes = field(repr=False)
    verifier: bytes = field(repr=False)


def derived(password: str, salt: bytes) -> EntryKey:
    """The key of an entry; takes most of a millisecond, without the GIL."""
    made = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, _ROUNDS, 66)
    return EntryKey(salt, made[:32], made[32:64], made[64:])


class Seals:
    """Seals of entry after entry, each with a salt and keys of its own, which are made ahead in other threads."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._pool = ThreadPoolExecutor(2, "zip-seals")
        self._ahead: deque[Future[EntryKey]] = deque()

    def take(self) -> "Seal":
        """The next entry's."""
        while len(self._ahead) <= _KEYS_AHEAD:
            self._ahead.append(self._pool.submit(derived, self._password, os.urandom(16)))
        return Seal(self._ahead.popleft().result(), self._pool)

    def close(self) -> None:
        """Make no more. Idempotent."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Seal:
    """Encrypts the content of one entry, from its first byte to its last. `threads` authenticate what is long."""

    def __init__(self, key: EntryKey, threads: Executor) -> None:
        self._key = key
        self._threads = threads
        self._authenticating: Future[None] | None = None
        self._blocks = Cipher(algorithms.AES(key.cipher), modes.ECB()).encryptor()  # noqa: S305 - of counters only
        self._code = hmac.new(key.authentication, digestmod="sha1")
        self._position = 0

    def head(self) -> bytes:
        """What stands before the content."""
        return self._key.salt + self._key.verifier

    def update(self, content: bytes | memoryview) -> bytes:
        """The next bytes, encrypted: as many as given."""
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
        """All of an entry, encrypted, with what stands around it."""
        return (self.head(), *map(self.update, content), self.tail())

    def tail(self) -> bytes:
        """What stands after the content: the code that authenticates it."""
        self._wait()
        return self._code.digest()[:10]

    def _authenticate(self, sealed: bytes) -> None:
        """One after the other: the next bytes while these are counted in, which takes as long as encrypting them."""
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
        """At most 64 KiB, which end with a block or with what is given. The cipher works on whole blocks."""
        first, skipped = divmod(self._position, _BLOCK)
        self._position += len(content)
        size = skipped + len(content)
        if skipped or size % _BLOCK:
            content = memoryview(b"".join((bytes(skipped), content, bytes(-size % _BLOCK))))
        stream = self._blocks.update(_counters(first, len(content) // _BLOCK))
        return _laid_over(content, stream)[skipped:size]


def _counters(first: int, count: int) -> memoryview:
    """`count` counters of 16 bytes, little-endian, after block number `first`; the first block's counter is 1."""
    numbers, low_halves = _from_one()
    shift = pc.multiply(low_halves.slice(0, 2 * count), pa.scalar(first, pa.uint64()))
    return _bytes(pc.add(numbers.slice(0, 2 * count), shift))


@cache
def _from_one() -> tuple[pa.UInt64Array, pa.UInt64Array]:
    """1, 0, 2, 0, 3, 0… and 1, 0, 1, 0…: the counters of a piece, and where their low halves are."""
    halves = [half for number in range(1, _PIECE_BLOCKS + 2) for half in (number, 0)]
    return pa.array(halves, pa.uint64()), pa.array([1, 0] * (_PIECE_BLOCKS + 1), pa.uint64())


def _laid_over(content: memoryview, stream: bytes) -> memoryview:
    """Both are whole blocks; eight bytes at a time are 20 times as fast as one."""
    size = len(stream) // 8
    left, right = (pa.Array.from_buffers(pa.uint64(), size, [None, pa.py_buffer(part)]) for part in (content, stream))
    return _bytes(pc.bit_wise_xor(left, right))


def _bytes(numbers: "pa.Array[Any]") -> memoryview:
    """The memory of an array that was just made."""
    content = cast("pa.Buffer", numbers.buffers()[1])
    return memoryview(content).cast("B")[: len(numbers) * numbers.type.bit_width // 8]
