"""The records of a ZIP, parsed from its bytes by the specification alone (APPNOTE 6.3)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

FULL32 = 0xFFFFFFFF
FULL16 = 0xFFFF
ZIP64_EXTRA = 1

_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")


class NotAZip(Exception):
    """The records can't be followed; the text says where they end."""


@dataclass(frozen=True)
class Header:
    """A local or central header; sizes and offset are those of its zip64 field where they are there.

    `offset` is of the local header, `data` of what follows it (0 in a central one). `zip64` are the values that stand
    in a zip64 field, None without one; `in_zip64` how many of the header's own fields point there.
    """

    name: bytes
    version: int
    flags: int
    method: int
    moment: tuple[int, int]
    crc: int
    packed: int
    size: int
    offset: int
    data: int = 0
    extra: bytes = b""
    zip64: tuple[int, ...] | None = None
    in_zip64: int = 0


@dataclass(frozen=True)
class End:
    """The end of the central directory; `zip64` when the records of zip64 are there."""

    count: int
    size: int
    offset: int
    begin: int
    comment: int
    zip64: bool


def end_of(file: BinaryIO) -> End:
    """Raises NotAZip."""
    total = file.seek(0, 2)
    tail_begin = max(0, total - _END.size - FULL16)
    file.seek(tail_begin)
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise NotAZip("there is no end of central directory")
    _, _, _, _, count, size, offset, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail):
        raise NotAZip("bytes follow the end of central directory")
    end = End(count, size, offset, tail_begin + at, comment, zip64=False)
    return _with_zip64(file, end)


def _with_zip64(file: BinaryIO, end: End) -> End:
    if end.begin < _LOCATOR.size:
        return end
    signature, _, where, _ = _LOCATOR.unpack(_at(file, end.begin - _LOCATOR.size, _LOCATOR.size))
    if signature != b"PK\6\7":
        return end
    found = _END64.unpack(_at(file, where, _END64.size))
    if found[0] != b"PK\6\6":
        raise NotAZip("the zip64 locator points at something else")
    return replace(end, count=found[7], size=found[8], offset=found[9], begin=where, zip64=True)


def central_headers(file: BinaryIO, end: End) -> Iterator[Header]:
    """Every entry of the central directory. Raises NotAZip."""
    here = end.offset
    for _ in range(end.count):
        record = _CENTRAL.unpack(_at(file, here, _CENTRAL.size))
        signature, _, version, flags, method, time, date, crc, packed, size, name, extra, comment, *_, offset = record
        if signature != b"PK\1\2":
            raise NotAZip(f"no central header at {here}")
        texts = _at(file, here + _CENTRAL.size, name + extra)
        header = Header(
            texts[:name], version, flags, method, (time, date), crc, packed, size, offset, extra=texts[name:]
        )
        yield _full(header, (size, packed, offset))
        here += _CENTRAL.size + name + extra + comment
    if here != end.offset + end.size:
        raise NotAZip("the central directory is not as long as its end says")


def local_header(file: BinaryIO, offset: int) -> Header:
    """The header at an offset. Raises NotAZip."""
    record = _LOCAL.unpack(_at(file, offset, _LOCAL.size))
    signature, version, flags, method, time, date, crc, packed, size, name, extra = record
    if signature != b"PK\3\4":
        raise NotAZip(f"no local header at {offset}")
    texts = _at(file, offset + _LOCAL.size, name + extra)
    data = offset + _LOCAL.size + name + extra
    header = Header(texts[:name], version, flags, method, (time, date), crc, packed, size, offset, data, texts[name:])
    return _full(header, (size, packed))


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Id and content of each extra field; what is too short for one is ignored."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        yield kind, extra[4 : 4 + size]
        extra = extra[4 + size :]


def _full(header: Header, fields: tuple[int, ...]) -> Header:
    """With the values of the zip64 field in place of those that point there."""
    content = next((content for kind, content in extra_fields(header.extra) if kind == ZIP64_EXTRA), None)
    if content is None:
        return header
    values = struct.unpack(f"<{len(content) // 8}Q", content[: len(content) // 8 * 8])
    left = iter(values)
    size, packed, *offset = (next(left, field) if field == FULL32 else field for field in fields)
    return replace(
        header, size=size, packed=packed, offset=offset[0] if offset else header.offset, zip64=values,
        in_zip64=sum(field == FULL32 for field in fields),
    )  # fmt: skip


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    found = file.read(size)
    if len(found) != size:
        raise NotAZip(f"the file ends within a record at {offset}")
    return found
