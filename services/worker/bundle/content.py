"""Content for an archive, read from a stream. Small content is compressed at once, in the thread that read it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from services.worker.zip.content import CHUNK, Piece, read_fully, smallest


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole content, packed by `method`. `sha256` is that of the unpacked content, in hexadecimal."""

    piece: Piece
    method: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Begun:
    """The first MiB of a content, and the stream with the rest. The receiver closes the stream."""

    start: bytes = field(repr=False)
    rest: BinaryIO


Content = Whole | Begun


def taken(name: str, stream: BinaryIO) -> Content:
    """Read the content of `stream` for an entry with this name. The stream is either closed or part of the result."""
    try:
        start = read_fully(stream)
    except BaseException:
        stream.close()
        raise
    if len(start) == CHUNK:
        return Begun(start, stream)
    stream.close()
    return Whole(*smallest(name, start), hashlib.sha256(start).hexdigest())


def discard(content: Content | None) -> None:
    """Close the stream of a content that is not used."""
    if isinstance(content, Begun):
        content.rest.close()


class Hashed:
    """Hashes a content while it is read. `tick` is called at each read."""

    def __init__(self, content: Begun, tick: Callable[[], None]) -> None:
        self._rest = content.rest
        self._digest = hashlib.sha256(content.start)
        self._tick = tick

    def read(self, size: int) -> bytes:
        """Read from the stream."""
        self._tick()
        chunk = self._rest.read(size)
        self._digest.update(chunk)
        return chunk

    def sha256(self) -> str:
        """Return the sha256 of what was read, in hexadecimal."""
        return self._digest.hexdigest()
