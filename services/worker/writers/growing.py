"""A file that is only appended to. Threads compress the data and write it in order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from services.contract.formats import Compression
from services.worker.concurrency.serial_sink import SerialSink
from services.worker.concurrency.threads import THREADS
from services.worker.zip.content import Piece, joined_crc, last_piece, piece

Block = bytes | memoryview

_MAX_PENDING_BLOCKS = 3
_MAX_HELD_BYTES = 64 << 10
"""So much is written at once at the end, in less time than a thread takes to start."""

# no name, no time and no system, so that the same rows give the same bytes
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LENGTH = 1 << 32


class Appendable(Protocol):
    """A file that accepts bytes at its end."""

    def write(self, block: Block, /) -> int:
        """Append the whole block. One thread calls it at a time."""
        ...


class GrowingFile:
    """Appends to `file`, which must be empty and stays open. `end` or `abandon` ends its threads."""

    closed = False

    def __init__(self, file: Appendable, compression: Compression, threads: int = THREADS) -> None:
        self._file = file
        self._taken = 0
        self._held: list[Block] = []
        self._member = _Member(file, threads) if compression is Compression.GZIP else None
        self._sink: SerialSink[Block] | None = None

    def write(self, block: Block) -> int:
        """Append bytes. They are written later and must not change. Errors of earlier blocks are raised here."""
        self._taken += len(block)
        if self._member:
            self._member.add(block)
        elif self._sink:
            self._sink.put(block)
        else:
            self._held.append(block)
            if self._taken > _MAX_HELD_BYTES:
                self._begin()
        return len(block)

    def _begin(self) -> None:
        """Write from now on in a thread."""
        self._sink = SerialSink(self._file.write, _MAX_PENDING_BLOCKS)
        held, self._held = self._held, []
        for block in held:
            self._sink.put(block)

    def tell(self) -> int:
        """Return the number of bytes appended, before compression."""
        return self._taken

    def seekable(self) -> bool:
        """Always false."""
        return False

    def flush(self) -> None:
        """Do nothing: small blocks are written by `end` at the latest."""

    def end(self) -> None:
        """Wait until all data is in the file."""
        held, self._held = self._held, []
        for block in held:
            self._file.write(block)
        for part in (self._sink, self._member):
            if part:
                part.end()

    def abandon(self) -> None:
        """End the threads and leave the file as it is. Idempotent, also after `end`."""
        for part in (self._sink, self._member):
            if part:
                part.abandon()


class _Member:
    """One gzip member of pieces that threads compress in parallel."""

    def __init__(self, file: Appendable, threads: int) -> None:
        self._file = file
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="exportd-gzip")
        self._sink: SerialSink[Callable[[], Piece]] = SerialSink(self._append, threads + 1)
        self._size = 0
        self._crc = 0
        file.write(_GZIP_HEADER)

    def add(self, block: Block) -> None:
        self._sink.put(self._threads.submit(piece, block).result)

    def end(self) -> None:
        self._sink.end()
        self._threads.shutdown()
        self._append(lambda: last_piece(b""))
        self._file.write(self._crc.to_bytes(4, "little") + (self._size % _LENGTH).to_bytes(4, "little"))

    def abandon(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._sink.abandon()

    def _append(self, compressed: Callable[[], Piece]) -> None:
        following = compressed()
        for block in following.blocks:
            self._file.write(block)
        self._crc = joined_crc(self._crc, following)
        self._size += following.size
