"""Copies of CSV files that DuckDB can read: in UTF-8 and with one kind of line end.

Other files are copied into the scratch folder.
"""

import codecs
import glob
import mmap
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from services.worker.sources.files.csv_header import Header
from services.worker.sources.files.place import Place
from services.worker.sources.files.settings import UTF_8
from services.worker.sources.files.walk import FileRefused

_PIECE_BYTES = 1 << 20
_LINE_END = re.compile(rb"\r\n|\r|\n")


class Copies:
    """The files of a place by their relative paths. Some of them are copied into `scratch`."""

    def __init__(self, place: Place, encoding: str, scratch: Path) -> None:
        self._place = place
        self._encoding = encoding
        self._scratch = scratch
        self._copied: dict[str, Path] = {}

    def name(self, path: str) -> str:
        """Return the name that DuckDB reads, which is a glob. Raises FileRefused or OSError."""
        copy = self._copy(path)
        return self._place.name(path) if copy is None else glob.escape(str(copy))

    def opened(self, path: str) -> IO[bytes]:
        """Open the content in UTF-8. The caller closes it. Raises FileRefused or OSError."""
        copy = self._copy(path)
        return self._place.opened(path) if copy is None else copy.open("rb")

    def path_of(self, name: str, paths: Iterable[str]) -> str | None:
        """Return which of the files has this name in DuckDB; None when none has."""
        names = {str(copy): path for path, copy in self._copied.items()}
        named = (path for path in paths if self._place.name_in_duckdb(path) == name)
        return names.get(name) or next(named, None)

    def mixes(self, path: str) -> bool:
        """Whether the file has different line ends, perhaps inside quotes. Raises FileRefused or OSError."""
        sorts = set[bytes]()
        with self.opened(path) as source:
            while piece := source.read(_PIECE_BYTES):
                piece += source.read(1) if piece.endswith(b"\r") else b""
                sorts.update(_LINE_END.findall(piece))
        return len(sorts) > 1

    def even(self, path: str, header: Header, quote: str) -> None:
        """Make a copy for reading in which every line ends with a line feed, below a header of numbers.

        Raises FileRefused or OSError.
        """
        copy = self._new("even", path)
        with self.opened(path) as source, self._new("raw", path).open("wb") as raw:
            shutil.copyfileobj(source, raw)
        with Path(raw.name).open("rb") as source, copy.open("wb") as target:
            target.write(f"{header.delimiter.join(map(str, range(len(header.columns))))}\n".encode())
            if Path(raw.name).stat().st_size:
                with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    start = header.size + (len(codecs.BOM_UTF8) if content[:3] == codecs.BOM_UTF8 else 0)
                    target.writelines(_even(content, start, header.delimiter.encode(), quote.encode()))
        Path(raw.name).unlink()
        self._copied[path] = copy

    def _copy(self, path: str) -> Path | None:
        if self._encoding == UTF_8 or path in self._copied:
            return self._copied.get(path)
        copy = self._new("utf-8", path)
        with self._place.opened(path) as source, copy.open("wb") as target:
            target.writelines(_in_utf8(source, path, self._encoding))
        self._copied[path] = copy
        return copy

    def _new(self, folder: str, path: str) -> Path:
        """Return the path for a copy. It has the folders of the file, because their names may hold columns."""
        copy = self._scratch / folder / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        return copy


def _in_utf8(source: IO[bytes], path: str, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 0
    while True:
        piece = source.read(_PIECE_BYTES)
        try:
            text = decoder.decode(piece, final=not piece)
            yield text.encode()
        except UnicodeError as error:
            raise FileRefused(path, f"is not {encoding} from line {lines + 1} or soon after it") from error
        lines += text.count("\n")
        if not piece:
            return


def _even(content: mmap.mmap, start: int, delimiter: bytes, quote: bytes) -> Iterator[bytes]:
    """Yield the content from `start` on. Line ends outside quotes become line feeds."""
    written = start
    for quoted in _quoted(delimiter, quote).finditer(content, start) if quote else ():
        yield from _evened(content, written, quoted.start())
        yield from _pieces(content, quoted.start(), quoted.end())
        written = quoted.end()
    yield from _evened(content, written, len(content))


def _quoted(delimiter: bytes, quote: bytes) -> re.Pattern[bytes]:
    """Match a quoted value; without a closing quote, up to the end of the file.

    The match takes linear time for any content.
    """
    before, q = re.escape(delimiter), re.escape(quote)
    return re.compile(
        rb"(?:(?<=[\r\n])|(?<=%b)|\A(?:\xef\xbb\xbf)?)%b(?:[^%b]|%b%b)*+(?:%b|\Z)" % (before, q, q, q, q, q)
    )


def _evened(content: mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    carried = b""
    for piece in _pieces(content, start, end):
        whole = carried + piece
        carried = whole[-1:] if whole.endswith(b"\r") else b""  # a line feed may follow
        yield whole[: len(whole) - len(carried)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    yield carried.replace(b"\r", b"\n")


def _pieces(content: mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    for begin in range(start, end, _PIECE_BYTES):
        yield content[begin : min(begin + _PIECE_BYTES, end)]
