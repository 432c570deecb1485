"""The records of a ZIP file as bytes: APPNOTE.TXT 6.3.10, and WinZip's extra field for AES-256 (AE-2)."""

import struct
from dataclasses import dataclass
from datetime import datetime

STORED = 0
DEFLATED = 8
_AES = 99

_ENCRYPTED = 0x0001
_DESCRIBED = 0x0008
_UTF8 = 0x0800
_PLAIN_VERSION = 20
_ZIP64_VERSION = 45
_AES_VERSION = 51
_UNIX = 3 << 8
_MODE = 0o100644 << 16
_FULL_32 = 0xFFFFFFFF
_FULL_16 = 0xFFFF

_ZIP64_EXTRA = 0x0001
_AES_EXTRA = 0x9901
_TIME_EXTRA = 0x5455  # "extended timestamp" of Info-ZIP: Unix time, so that readers need not guess a zone
_TIME_MODIFIED = 1
_LAST_UNIX_TIME = 2**31 - 1
_PADDING_EXTRA = 0xA220  # "Open Packaging growth hint": fills unused room for a zip64 field; readers skip it
_PADDING_SIGNATURE = 0xA028


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers from which on zip64 is needed. Tests use lower ones for small archives."""

    size: int = _FULL_32
    count: int = _FULL_16


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of an entry at its beginning. `method` is that of the content, without encryption.

    `room` reserves room for sizes of 4 GiB and more in the local header. `described` puts CRC and sizes after the
    content, for a file that is only appended to, whose header is not written again. `unix_time` is in seconds since
    1970; without it, readers interpret `moment` in their local time.
    """

    name: bytes
    method: int
    moment: tuple[int, int]
    offset: int
    encrypted: bool = False
    room: bool = False
    described: bool = False
    unix_time: int | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is known of an entry at its end. `packed` counts all bytes between its header and the next one."""

    crc: int = 0
    packed: int = 0
    raw: int = 0

    def grown(self, packed: int) -> "Sizes":
        """Return sizes with this many more bytes in the file."""
        return Sizes(self.crc, self.packed + packed, self.raw)

    def need_zip64(self, limits: Limits) -> bool:
        """Whether a size is too large for its usual field."""
        return max(self.packed, self.raw) >= limits.size


def dos_moment(moment: datetime) -> tuple[int, int]:
    """Return time and date as in headers, with a precision of two seconds, for the years 1980 to 2107."""
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (moment.year - 1980) << 9 | moment.month << 5 | moment.day


def unix_time(moment: datetime) -> int | None:
    """Return seconds since 1970 as in headers. None without a zone, and for values that do not fit into the field."""
    if moment.tzinfo is None:
        return None
    seconds = int(moment.timestamp())
    return seconds if 0 <= seconds <= _LAST_UNIX_TIME else None


def encoded_name(name: str) -> bytes:
    """Return a name as in headers. Raises ValueError when it is empty, too long or not Unicode."""
    encoded = name.encode()
    if not 0 < len(encoded) <= _FULL_16:
        raise ValueError(f"{len(encoded)} bytes are no name of an entry")
    return encoded


def local_header(entry: Opening, sizes: Sizes, limits: Limits) -> bytes:
    """Return the header before an entry's content.

    Its length depends only on `entry`, because it is written again at the end, unless the entry is `described`; then it
    has no sizes.
    """
    room = b"" if not entry.room else _zip64_extra(0, 0) if entry.described else _local_sizes(sizes, limits)
    extra = room + _time_extra(entry) + _aes_extra(entry)
    return b"PK\x03\x04" + _common(entry, sizes, extra, limits, local=True) + entry.name + extra


def descriptor(entry: Opening, sizes: Sizes) -> bytes:
    """Return the descriptor after the content of a `described` entry. With `room`, sizes have eight bytes each."""
    numbers = (_shown_crc(entry, sizes), sizes.packed, sizes.raw)
    return struct.pack("<4sL2Q" if entry.room else "<4s3L", b"PK\x07\x08", *numbers)


def central_header(entry: Opening, sizes: Sizes, limits: Limits) -> bytes:
    """Return the header in the central directory. Version, flags, method and CRC are those of the local header."""
    far = entry.offset >= limits.size
    numbers = ((sizes.raw, sizes.packed) if sizes.need_zip64(limits) else ()) + ((entry.offset,) if far else ())
    extra = (_zip64_extra(*numbers) if numbers else b"") + _time_extra(entry) + _aes_extra(entry)
    made_by = struct.pack("<H", _UNIX | _version(entry, sizes, limits))
    place = struct.pack("<3H2L", 0, 0, 0, _MODE, _FULL_32 if far else entry.offset)
    return b"PK\x01\x02" + made_by + _common(entry, sizes, extra, limits, local=False) + place + entry.name + extra


def end_of_directory(count: int, offset: int, size: int, limits: Limits) -> bytes:
    """Return the end of the archive with `count` entries, whose directory of `size` bytes begins at `offset`."""
    if count < limits.count and max(offset, size) < limits.size:
        return _end(count, offset, size)
    versions = (_UNIX | _ZIP64_VERSION, _ZIP64_VERSION)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, *versions, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size, 1)
    return (
        record
        + locator
        + _end(
            _FULL_16 if count >= limits.count else count,
            _FULL_32 if offset >= limits.size else offset,
            _FULL_32 if size >= limits.size else size,
        )
    )


def _end(count: int, offset: int, size: int) -> bytes:
    return struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def _common(entry: Opening, sizes: Sizes, extra: bytes, limits: Limits, *, local: bool) -> bytes:
    """Return the fields that both headers share.

    They are equal, except for the sizes and CRC of a `described` entry.
    """
    flags = (_ENCRYPTED if entry.encrypted else 0) | (0 if entry.name.isascii() else _UTF8)
    flags |= _DESCRIBED if entry.described else 0
    method = _AES if entry.encrypted else entry.method
    version = _version(entry, sizes, limits)
    crc = _shown_crc(entry, sizes)
    packed, raw = (_FULL_32, _FULL_32) if sizes.need_zip64(limits) else (sizes.packed, sizes.raw)
    if entry.described and local:
        crc, packed, raw = 0, *((_FULL_32, _FULL_32) if entry.room else (0, 0))
    return struct.pack("<5H3L2H", version, flags, method, *entry.moment, crc, packed, raw, len(entry.name), len(extra))


def _version(entry: Opening, sizes: Sizes, limits: Limits) -> int:
    """Return the version that a reader needs. From the end of an entry on, it is the same in both headers."""
    if entry.encrypted:
        return _AES_VERSION
    wide = entry.described and entry.room  # its sizes have eight bytes, whatever their values
    return _ZIP64_VERSION if wide or sizes.need_zip64(limits) or entry.offset >= limits.size else _PLAIN_VERSION


def _shown_crc(entry: Opening, sizes: Sizes) -> int:
    return 0 if entry.encrypted else sizes.crc  # AE-2: the CRC would reveal something about the content


def _local_sizes(sizes: Sizes, limits: Limits) -> bytes:
    if sizes.need_zip64(limits):
        return _zip64_extra(sizes.raw, sizes.packed)
    return struct.pack("<4H12x", _PADDING_EXTRA, 16, _PADDING_SIGNATURE, 0)


def _zip64_extra(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", _ZIP64_EXTRA, 8 * len(numbers), *numbers)


def _time_extra(entry: Opening) -> bytes:
    """Return the extra field with the time.

    Its nine bytes are the same in both headers; the central one holds only the time of modification.
    """
    if entry.unix_time is None:
        return b""
    return struct.pack("<HHBl", _TIME_EXTRA, 5, _TIME_MODIFIED, entry.unix_time)


def _aes_extra(entry: Opening) -> bytes:
    return struct.pack("<HHH2sBH", _AES_EXTRA, 7, 2, b"AE", 3, entry.method) if entry.encrypted else b""
