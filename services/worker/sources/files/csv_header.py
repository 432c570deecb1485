"""Reads the first lines of a CSV file: its columns and its delimiter."""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO

from services.runtime.nearest import shown
from services.worker.sources.files.settings import CsvSettings

MAX_HEADER_BYTES = 4 << 20
_FIRST_BYTES = 1 << 16
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEPARATOR = re.compile("sep=(.)\r?\n?")
"""A first line that Excel does not treat as a row."""
_BY_TABS = (".tsv", ".tab")
_USUAL = ";\t|,"
_LINE_END = re.compile(r"\r\n|\n|\r")
_NAMES = {"\t": r"\t"}


class HeaderFaulty(Exception):
    """A file has no readable header. `why` completes the sentence "the source holds `path`, which …"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a file in order and its delimiter.

    `skip` lines precede the header. The rows begin after `size` bytes and `lines` lines. `is_broken`: the header has a
    line break inside a value that differs from the line end after it. `is_made`: the header of a copy was generated.
    """

    columns: tuple[str, ...]
    delimiter: str
    skip: int = 0
    size: int = 0
    lines: int = 0
    is_broken: bool = False
    is_made: bool = False

    def of_copy(self) -> "Header":
        """Return the header of a copy that has the columns in one line, followed by the rows."""
        return replace(self, skip=0, lines=self.lines - 1, is_broken=False, is_made=True)


def read(file: IO[bytes], path: str, settings: CsvSettings) -> Header:
    """Read the header of a file in UTF-8, and not much more than that. Raises HeaderFaulty or OSError."""
    content = b""
    while True:
        piece = file.read(max(_FIRST_BYTES, len(content)))
        content += piece
        last = not piece or len(content) >= MAX_HEADER_BYTES
        header = _header(_text(content), path, settings, whole=last)
        if header:
            return header


def _header(text: str, path: str, settings: CsvSettings, *, whole: bool) -> Header | None:
    """Return the header; None when it may continue after the text, which is not `whole`."""
    separator = _SEPARATOR.match(text)
    usual = settings.delimiter or ("\t" if path.casefold().endswith(_BY_TABS) else ",")
    if separator and settings.delimiter not in ("", separator[1]):
        raise HeaderFaulty(f"says sep={separator[1]}, and the sources file another delimiter")
    delimiter, start = (separator[1], separator.end()) if separator else (usual, 0)
    lines = io.StringIO(text[start:], newline="")
    columns = _columns(lines, delimiter, settings, whole=whole)
    if not columns:
        return None
    first = text[start : start + lines.tell()]
    before = text[: start + (len(first) if settings.header else 0)]
    ends = _LINE_END.findall(first)
    return Header(
        columns,
        delimiter,
        int(start > 0),
        len(before.encode()),
        len(_LINE_END.findall(before)),
        is_broken=len(set(ends)) > 1,
    )


def _text(content: bytes) -> str:
    if content.startswith(_UTF16):
        raise HeaderFaulty('looks like UTF-16; set encoding = "utf-16" in the sources file')
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        # Such a line is reported when the rows are read.
        text = content[: error.start].decode("utf-8-sig") if line > 1 else ""
        if not text:
            raise HeaderFaulty("is not UTF-8; set encoding in the sources file") from None
    if "\0" in text.partition("\n")[0]:
        raise HeaderFaulty("has NUL characters in its first line; is its encoding UTF-16?")
    return text


def _columns(lines: io.StringIO, delimiter: str, settings: CsvSettings, *, whole: bool) -> tuple[str, ...]:
    """Return the columns; empty when the header may continue after these lines.

    The lines are read to the end of the header.
    """
    try:
        first = next(csv.reader(lines, delimiter=delimiter, quotechar=settings.quote or None, strict=True), [])
    except csv.Error:
        if not whole:
            return ()
        raise HeaderFaulty("has a first line that cannot be read") from None
    if not whole and lines.tell() == len(lines.getvalue()):
        return ()
    if settings.header:
        return tuple(first) or ("",)
    return tuple(f"column{place}" for place in range(1, max(1, len(first)) + 1))


def delimiter_hint(header: Header, path: str) -> str:
    """Return a hint for missing columns; empty when the header gives no hint."""
    if len(header.columns) > 1:
        return ""
    (only,) = header.columns
    other = next((each for each in _USUAL if each in only and each != header.delimiter), "")
    question = f"; is the delimiter '{_NAMES.get(other, other)}'?" if other else ""
    return f" The header of {shown(path)!r} has one column {shown(only)!r}{question}" if question else ""


def unique(columns: Sequence[str]) -> list[str]:
    """Return names for DuckDB. They must differ by more than case, also from the names of folders."""
    return [f"\N{NO-BREAK SPACE}{place}" for place in range(len(columns))]
