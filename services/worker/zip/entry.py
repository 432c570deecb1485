"""An entry of a ZIP while it is written."""

from collections.abc import Callable
from typing import BinaryIO

from services.worker.zip.aes import Seal
from services.worker.zip.content import Piece, joined_crc
from services.worker.zip.records import Limits, Opening, Sizes, descriptor, local_header


class EntryTooLarge(Exception):
    """An entry reached 4 GiB, but was opened for less."""


class OpenEntry:
    """An entry that grows piece by piece at the end of `file`. `ended` is called with its sizes when it is complete."""

    def __init__(
        self, file: BinaryIO, opening: Opening, limits: Limits, seal: Seal | None, ended: Callable[[Sizes], None]
    ) -> None:
        self._file = file
        self._opening = opening
        self._limits = limits
        self._seal = seal
        self._ended = ended
        self._sizes = Sizes()
        file.write(local_header(opening, self._sizes, limits))
        if seal:
            self._write(seal.head())

    @property
    def size(self) -> int:
        """Bytes of content so far."""
        return self._sizes.raw

    def append(self, piece: Piece) -> None:
        """Append a piece. The last piece of a deflated entry must end the stream. Raises EntryTooLarge."""
        for block in piece.blocks:
            self._write(self._seal.update(block) if self._seal else block)
        before = self._sizes
        self._sizes = Sizes(joined_crc(before.crc, piece), before.packed, before.raw + piece.size)
        if self._sizes.need_zip64(self._limits) and not self._opening.room:
            raise EntryTooLarge

    def close(self) -> None:
        """End the entry: write its sizes and CRC into the header, or after the content."""
        if self._seal:
            self._write(self._seal.tail())
        if self._opening.described:
            self._file.write(descriptor(self._opening, self._sizes))
        else:
            self._patch_header()
        self._ended(self._sizes)

    def _patch_header(self) -> None:
        end = self._file.tell()
        self._file.seek(self._opening.offset)
        self._file.write(local_header(self._opening, self._sizes, self._limits))
        self._file.seek(end)

    def _write(self, packed: bytes | memoryview) -> None:
        self._file.write(packed)
        self._sizes = self._sizes.grown(len(packed))
