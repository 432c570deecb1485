"""What goes into an archive, as it comes from a stream: small content is packed at once, by whichever thread."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from services.worker.zip.content import CHUNK, Piece, read_fully, smallest


@dataclass(frozen=True, slots=True)
class Whole:
    """All of a content, packed by `method`; `sha256` is that of the content, in hexadecimal."""

    piece: Piece
    method: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Begun:
    """The first MiB of a content, and the stream that has the rest; whoever takes it closes the stream."""

    start: bytes = field(repr=False)
    rest: BinaryIO


Content = Whole | Begun


def taken(name: str, stream: BinaryIO) -> Content:
    """What `stream` holds, for an entry of that name. The stream is closed, or part of what is returned."""
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
    """Release what is not taken."""
    if isinstance(content, Begun):
        content.rest.close()


class Hashed:
    """What is read of a content that has begun is hashed; `tick` is called at each read."""

    def __init__(self, content: Begun, tick: Callable[[], None]) -> None:
        self._rest = content.rest
        self._digest = hashlib.sha256(content.start)
        self._tick = tick

    def read(self, size: int) -> bytes:
        """As the stream."""
        self._tick()
        chunk = self._rest.read(size)
        self._digest.update(chunk)
        return chunk

    def sha256(self) -> str:
        """Of what was read, in hexadecimal."""
        return self._digest.hexdigest()
