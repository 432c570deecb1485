"""Faults of a ZIP as a container, which readers of workbooks forgive, repair or refuse, each in its own way.

Memory grows with the number of entries, never with their sizes.
"""

import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

from tests.linters.fault import Fault
from tests.linters.zip_records import (
    FULL16,
    FULL32,
    End,
    Header,
    NotAZip,
    central_headers,
    end_of,
    extra_fields,
    local_header,
)

STORED, DEFLATED, AES = 0, 8, 99
_AES_EXTRA = 0x9901
_ENCRYPTED, _DESCRIPTOR, _UTF8 = 1, 8, 0x800
_VERSIONS = {STORED: 10, DEFLATED: 20, AES: 51}
_ZIP64_VERSION = 45
_CHUNK = 1 << 20


def zip_faults(file: BinaryIO, first: tuple[str, ...] = ()) -> list[Fault]:
    """Every fault of a seekable file; `first` names the entries of which one must be the first, if any must."""
    try:
        return list(_faults(file, first))
    except NotAZip as problem:
        return [Fault("zip-structure", str(problem))]


def _faults(file: BinaryIO, first: tuple[str, ...]) -> Iterator[Fault]:
    end = end_of(file)
    entries = list(central_headers(file, end))
    locals_ = [local_header(file, entry.offset) for entry in entries]
    yield from _end_faults(end, entries)
    yield from _name_faults(entries)
    yield from _layout_faults(end, locals_)
    if first and entries and locals_[0].name.decode(errors="replace") not in first:
        yield Fault("zip-first-entry", _shown(locals_[0]))
    for entry, local in zip(entries, locals_, strict=True):
        yield from _header_faults(entry, local)
        yield from _content_faults(file, entry, local)


def _end_faults(end: End, entries: list[Header]) -> Iterator[Fault]:
    needed = end.count >= FULL16 or end.offset >= FULL32 or end.size >= FULL32
    if end.zip64 != needed:
        yield Fault("zip-zip64", "the end of central directory")
    if end.comment:
        yield Fault("zip-comment", f"{end.comment} bytes")
    if not entries:
        yield Fault("zip-empty", "no entries")


def _name_faults(entries: list[Header]) -> Iterator[Fault]:
    seen: set[str] = set()
    for entry in entries:
        name = entry.name.decode("utf-8" if entry.flags & _UTF8 or entry.name.isascii() else "cp437", "replace")
        if name.casefold() in seen:
            yield Fault("zip-duplicate-name", name)
        seen.add(name.casefold())
        if not entry.name.isascii() and not entry.flags & _UTF8:
            yield Fault("zip-utf8-flag", name)
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            yield Fault("zip-unsafe-name", name)


def _layout_faults(end: End, locals_: list[Header]) -> Iterator[Fault]:
    """Entries follow each other from the first byte to the directory, with nothing between them."""
    spans = sorted((entry.offset, entry.data + entry.packed, _shown(entry)) for entry in locals_)
    bounds = [(0, 0, "the start"), *spans, (end.offset, end.offset, "the directory")]
    for (_, before, one), (after, _, other) in pairwise(bounds):
        if after < before:
            yield Fault("zip-overlap", f"{one} and {other}")
        elif after > before:
            yield Fault("zip-gap", f"{after - before} bytes before {other}")
    if end.begin != end.offset + end.size:
        yield Fault("zip-gap", "before the end of central directory")


def _header_faults(entry: Header, local: Header) -> Iterator[Fault]:
    for field in ("name", "version", "flags", "method", "moment", "crc", "packed", "size"):
        if getattr(entry, field) != getattr(local, field):
            yield Fault("zip-headers-differ", f"{_shown(entry)}: {field}")
    if (entry.flags | local.flags) & _DESCRIPTOR:
        yield Fault("zip-data-descriptor", _shown(entry))
    for header, kind in ((entry, "central"), (local, "local")):
        if not _zip64_fits(header, local=header is local):
            yield Fault("zip-zip64", f"{_shown(entry)}: {kind} header")
    zip64 = entry.zip64 is not None or local.zip64 is not None
    needed = max(_VERSIONS.get(entry.method, 0), _ZIP64_VERSION if zip64 else 0)
    if entry.version < needed:
        yield Fault("zip-version", f"{_shown(entry)}: {entry.version}, needed: {needed}")


def _zip64_fits(header: Header, *, local: bool) -> bool:
    """A zip64 field is there when a value needs it, and holds these values only; a local one holds both sizes."""
    sizes = [header.size >= FULL32, header.packed >= FULL32]
    needed = sum(sizes) if local else sum([*sizes, header.offset >= FULL32])
    if header.zip64 is None:
        return needed == 0
    held = 2 if local else needed
    return needed > 0 and len(header.zip64) == held == header.in_zip64


def _content_faults(file: BinaryIO, entry: Header, local: Header) -> Iterator[Fault]:
    """The content of every entry that can be read without a password is unpacked, and counted."""
    if entry.method == AES or entry.flags & _ENCRYPTED:
        yield from _aes_faults(entry)
        return
    if entry.method not in (STORED, DEFLATED):
        yield Fault("zip-method", f"{_shown(entry)}: {entry.method}")
        return
    try:
        size, crc = _unpacked(file, entry.method, local.data, entry.packed)
    except zlib.error as problem:
        yield Fault("zip-content", f"{_shown(entry)}: {problem}")
        return
    if size != entry.size:
        yield Fault("zip-content", f"{_shown(entry)}: {size} bytes, said to be {entry.size}")
    if crc != entry.crc:
        yield Fault("zip-crc", _shown(entry))


def _aes_faults(entry: Header) -> Iterator[Fault]:
    """AE-2 with AES-256: the CRC is left out, an extra field says how the content is packed."""
    fields = dict(extra_fields(entry.extra))
    content = fields.get(_AES_EXTRA, b"")
    if entry.method != AES or not entry.flags & _ENCRYPTED or content[:5] != b"\2\0AE\3":
        yield Fault("zip-aes", _shown(entry))
    if entry.crc:
        yield Fault("zip-aes-crc", _shown(entry))


def _unpacked(file: BinaryIO, method: int, offset: int, packed: int) -> tuple[int, int]:
    """Size and CRC of what an entry holds. Raises zlib.error when it does not end where it should."""
    file.seek(offset)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    size = crc = 0
    while packed:
        chunk = file.read(min(packed, _CHUNK))
        if not chunk:
            raise zlib.error("the file ends within the entry")
        packed -= len(chunk)
        content = inflate.decompress(chunk) if method == DEFLATED else chunk
        size, crc = size + len(content), zlib.crc32(content, crc)
    if method == DEFLATED and (not inflate.eof or inflate.unused_data):
        raise zlib.error("the stream does not end with the entry")
    return size, crc


def _shown(header: Header) -> str:
    return header.name.decode(errors="replace")
