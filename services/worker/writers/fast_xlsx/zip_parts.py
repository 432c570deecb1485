"""A ZIP as Excel likes it: sizes and CRC in the local headers, nothing but deflate, the same words in both headers.

Anything else (data descriptors, zip64 extras that are not needed, headers that differ) makes some readers offer a
repair. `zipfile` can't take content that is deflated already.
"""

import struct
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from services.worker.writers.fast_xlsx.deflate import Piece, joined_crc, last_piece

MAX_ENTRY_BYTES = 0xFFFF_FFFE
"""Bytes of one entry, before and after compression, without zip64."""

_VERSION = 20
_VERSION_ZIP64 = 45
_DEFLATED = 8
_LOCAL = struct.Struct("<4s5H3L2H")
_SIZES = struct.Struct("<3L")
_SIZES_AT = 14
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_ZIP64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_OFFSET_ZIP64 = struct.Struct("<2HQ")
_MAX_32 = 0xFFFF_FFFF
_MAX_ENTRIES = 0xFFFF


class EntryTooLarge(Exception):
    """An entry would need more than MAX_ENTRY_BYTES."""


@dataclass(slots=True)
class _Entry:
    name: bytes
    offset: int
    crc: int = 0
    size: int = 0
    packed: int = 0

    def sizes(self) -> tuple[int, int, int]:
        return self.crc, self.packed, self.size


class ZipParts:
    """Writes entries one after the other to `file`, which is seekable, empty and stays the caller's.

    Names are ASCII. `written_at` (1980 to 2107) is the time shown with each entry.
    """

    def __init__(self, file: BinaryIO, written_at: datetime) -> None:
        self._file = file
        self._moment = _dos_moment(written_at)
        self._entries: list[_Entry] = []

    def add(self, name: str, content: bytes) -> None:
        """Write a whole entry."""
        self.begin(name)
        self.append(last_piece(content))
        self.end()

    def begin(self, name: str) -> None:
        """Start an entry; what is appended goes into it until `end`."""
        entry = _Entry(name.encode("ascii"), self._file.tell())
        self._entries.append(entry)
        head = (_VERSION, 0, _DEFLATED, *self._moment, *entry.sizes(), len(entry.name), 0)
        self._file.write(_LOCAL.pack(b"PK\x03\x04", *head) + entry.name)

    def append(self, piece: Piece) -> None:
        """Add a piece to the entry that was begun; the last one must end the stream. Raises EntryTooLarge."""
        entry = self._entries[-1]
        entry.crc = joined_crc(entry.crc, piece)
        entry.size += piece.size
        entry.packed += sum(map(len, piece.blocks))
        if max(entry.size, entry.packed) > MAX_ENTRY_BYTES:
            raise EntryTooLarge
        for block in piece.blocks:
            self._file.write(block)

    def end(self) -> None:
        """Put sizes and CRC into the header of the entry that was begun."""
        entry = self._entries[-1]
        here = self._file.tell()
        self._file.seek(entry.offset + _SIZES_AT)
        self._file.write(_SIZES.pack(*entry.sizes()))
        self._file.seek(here)

    @property
    def entry_bytes(self) -> int:
        """Bytes in the entry that was begun last, before compression."""
        return self._entries[-1].size

    def close(self) -> None:
        """Write the directory; the file stays open, at its end."""
        start = self._file.tell()
        for entry in self._entries:
            self._file.write(self._central(entry))
        self._write_end(start, self._file.tell() - start)

    def _central(self, entry: _Entry) -> bytes:
        far = entry.offset > _MAX_32
        extra = _OFFSET_ZIP64.pack(1, 8, entry.offset) if far else b""
        tail = (len(entry.name), len(extra), 0, 0, 0, 0, min(entry.offset, _MAX_32))
        head = (_VERSION, _VERSION, 0, _DEFLATED, *self._moment, *entry.sizes())
        return _CENTRAL.pack(b"PK\x01\x02", *head, *tail) + entry.name + extra

    def _write_end(self, start: int, size: int) -> None:
        count = len(self._entries)
        if start > _MAX_32 or count >= _MAX_ENTRIES:
            here = self._file.tell()
            versions = (44, _VERSION_ZIP64, _VERSION_ZIP64, 0, 0)
            self._file.write(_END_ZIP64.pack(b"PK\x06\x06", *versions, count, count, size, start))
            self._file.write(_LOCATOR.pack(b"PK\x06\x07", 0, here, 1))
        shown = min(count, _MAX_ENTRIES)
        self._file.write(_END.pack(b"PK\x05\x06", 0, 0, shown, shown, size, min(start, _MAX_32), 0))


def _dos_moment(moment: datetime) -> tuple[int, int]:
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (moment.year - 1980) << 9 | moment.month << 5 | moment.day
