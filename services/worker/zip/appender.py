"""Appends entries to a ZIP.

Sizes and CRC are written into the local header when an entry ends. If the file cannot seek (an object of a bucket),
they follow the content as data descriptors, for entries whose sizes were not known in advance. Version, flags and
method are the same in local and central header, because Excel offers to repair files that differ there. zip64 is used
only where a number needs it. The central directory is spooled, so memory does not grow with the number of entries.
"""

import shutil
from datetime import datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

from services.worker.zip import records
from services.worker.zip.aes import Seals
from services.worker.zip.content import (
    CHUNK,
    Piece,
    Readable,
    last_piece,
    method_for,
    piece,
    read_fully,
    smallest,
    stored_piece,
)
from services.worker.zip.entry import OpenEntry
from services.worker.zip.records import DEFLATED, Limits, Opening, Sizes

_IN_MEMORY = 1 << 18


class ZipAppender:
    """Writes a ZIP to `file`, which must be empty and stays open.

    Nothing else may write to the file until `close`. A file that is not `seekable` is only appended to. `written_at` is
    the time of each entry. `unix_times` adds it in UTC, with nine bytes in each header, so that it is the same moment
    wherever the ZIP is unpacked. `spool_dir` is for the central directory when it is large, in an unnamed file; with
    None it stays in memory. A `password` encrypts the content of every entry (AE-2), but not names and sizes. Without
    `close` the file has no directory and is not a ZIP. Entries are written one after the other, in one thread.
    """

    def __init__(
        self,
        file: BinaryIO,
        written_at: datetime,
        spool_dir: Path | None = None,
        password: str = "",
        limits: Limits | None = None,
        *,
        unix_times: bool = False,
    ) -> None:
        self._file = file
        self._moment = records.dos_moment(written_at)
        self._unix_time = records.unix_time(written_at) if unix_times else None
        self._seals = Seals(password) if password else None
        self._limits = limits or Limits()
        self._directory = _directory(spool_dir)
        self._end = 0
        self._entry_count = 0

    @property
    def entry_count(self) -> int:
        """Number of finished entries."""
        return self._entry_count

    def put(self, name: str, content: Piece, method: int = DEFLATED) -> None:
        """Append an entry whose whole content is already packed by `method`."""
        blocks = self._seals.take().whole(content.blocks) if self._seals else content.blocks
        sizes = Sizes(content.crc, sum(map(len, blocks)), content.size)
        opening = self._opening(name, method, room=sizes.need_zip64(self._limits))
        self._file.write(records.local_header(opening, sizes, self._limits))
        for block in blocks:
            self._file.write(block)
        self._ended(opening, sizes)

    def open(self, name: str, method: int = DEFLATED, *, may_be_large: bool = False) -> OpenEntry:
        """Begin an entry whose content is packed by the caller. Nothing else may be appended before its end.

        `may_be_large` reserves 20 bytes for sizes of 4 GiB and more; without it, such sizes are refused.
        """
        described = not self._file.seekable()
        opening = self._opening(name, method, room=may_be_large, described=described)
        seal = self._seals.take() if self._seals else None
        return OpenEntry(self._file, opening, self._limits, seal, partial(self._ended, opening))

    def add(self, name: str, content: Readable) -> int:
        """Append the rest of `content` in pieces of 1 MiB. Return its size, which is not limited."""
        start = read_fully(content)
        if len(start) == CHUNK:
            return self.stream(name, start, content)
        self.put(name, *smallest(name, start))
        return len(start)

    def stream(self, name: str, start: bytes, content: Readable) -> int:
        """Append `start` and the rest of `content`. Return their size."""
        # A reader of a stream can find the end of deflated content without its size, but not of stored content.
        method, chunk = method_for(name, start) if self._file.seekable() else DEFLATED, start
        pack = piece if method == DEFLATED else stored_piece
        entry = self.open(name, method, may_be_large=True)
        while chunk:
            entry.append(pack(chunk))
            chunk = read_fully(content)
        if method == DEFLATED:
            entry.append(last_piece(b""))
        entry.close()
        return entry.size

    def close(self) -> None:
        """Finish the ZIP. Its file stays open, at its end."""
        offset, size = self._end, self._directory.tell()
        self._directory.seek(0)
        shutil.copyfileobj(self._directory, self._file, CHUNK)
        self._file.write(records.end_of_directory(self._entry_count, offset, size, self._limits))
        self._directory.close()
        if self._seals:
            self._seals.close()

    def _opening(self, name: str, method: int, *, room: bool, described: bool = False) -> Opening:
        return Opening(
            records.encoded_name(name),
            method,
            self._moment,
            self._end,
            encrypted=self._seals is not None,
            room=room,
            described=described,
            unix_time=self._unix_time,
        )

    def _ended(self, opening: Opening, sizes: Sizes) -> None:
        """Add a finished entry to the directory."""
        self._directory.write(records.central_header(opening, sizes, self._limits))
        self._end = self._file.tell()
        self._entry_count += 1


def _directory(spool_dir: Path | None) -> "BytesIO | SpooledTemporaryFile[bytes]":
    return SpooledTemporaryFile(_IN_MEMORY, dir=str(spool_dir)) if spool_dir else BytesIO()
