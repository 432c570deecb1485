"""Appends entries to a ZIP.

Sizes and CRC are put into the local header when an entry ends. In a file that cannot seek (a store of objects) they
follow the content, as data descriptors, for entries whose sizes were not known before. Version, flags and method are
the same in local and central header, since Excel offers a repair for anything else. zip64 is used where a number needs
it and nowhere else. The central directory waits in a spool: memory does not grow with the entries.
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
    """A ZIP in `file`, which is empty and stays the caller's; nobody else writes to it until `close`. One that is not
    `seekable` is only appended to.

    `written_at` is the time shown with each entry; `unix_times` adds it in UTC, in nine bytes a header, so that it is
    the same moment wherever the ZIP is unpacked. `spool_dir` takes the central directory when it is large, in a file
    without a name; with None it stays in memory. With a `password` the content of every entry is encrypted (AE-2);
    names and sizes are not. Without `close` the file has no directory: what was given up is no ZIP. One entry follows
    the other, in one thread.
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
        """Entries that have ended."""
        return self._entry_count

    def put(self, name: str, content: Piece, method: int = DEFLATED) -> None:
        """Append an entry whose whole content is packed already, `method` says how."""
        blocks = self._seals.take().whole(content.blocks) if self._seals else content.blocks
        sizes = Sizes(content.crc, sum(map(len, blocks)), content.size)
        opening = self._opening(name, method, room=sizes.need_zip64(self._limits))
        self._file.write(records.local_header(opening, sizes, self._limits))
        for block in blocks:
            self._file.write(block)
        self._ended(opening, sizes)

    def open(self, name: str, method: int = DEFLATED, *, may_be_large: bool = False) -> OpenEntry:
        """Begin an entry whose content comes packed. Nothing else may be appended before its end.

        `may_be_large` keeps room for sizes from 4 GiB on, which costs 20 bytes; without it they are refused.
        """
        described = not self._file.seekable()
        opening = self._opening(name, method, room=may_be_large, described=described)
        seal = self._seals.take() if self._seals else None
        return OpenEntry(self._file, opening, self._limits, seal, partial(self._ended, opening))

    def add(self, name: str, content: Readable) -> int:
        """Append what is left to read in `content`, in pieces of 1 MiB; returns its size, which may be any."""
        start = read_fully(content)
        if len(start) == CHUNK:
            return self.stream(name, start, content)
        self.put(name, *smallest(name, start))
        return len(start)

    def stream(self, name: str, start: bytes, content: Readable) -> int:
        """Append `start` and what is left to read in `content`; returns their size."""
        # Who reads a described entry as a stream finds the end of what is deflated, and not of what is stored.
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
        """Finish the ZIP; its file stays open, at its end."""
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
        """An entry is complete: note it in the directory."""
        self._directory.write(records.central_header(opening, sizes, self._limits))
        self._end = self._file.tell()
        self._entry_count += 1


def _directory(spool_dir: Path | None) -> "BytesIO | SpooledTemporaryFile[bytes]":
    return SpooledTemporaryFile(_IN_MEMORY, dir=str(spool_dir)) if spool_dir else BytesIO()
