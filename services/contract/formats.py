"""The formats of a table and what the outside world calls them."""

from dataclasses import dataclass
from enum import Enum


class Format(Enum):
    """How the table in a file is written."""

    XLSX = "XLSX"
    CSV = "CSV"
    JSON = "JSON"
    JSONL = "JSONL"
    PARQUET = "PARQUET"


class Packaging(Enum):
    """How a table and its attachments become files."""

    AUTO = "AUTO"
    ZIP = "ZIP"
    SEPARATE = "SEPARATE"


class Compression(Enum):
    """Compression of a bare file."""

    NONE = "NONE"
    GZIP = "GZIP"


class LineTerminator(Enum):
    """What ends a line of CSV."""

    CRLF = "\r\n"
    LF = "\n"


class LongText(Enum):
    """What happens to text that no cell of a sheet holds: the export ends, or the text goes to a file beside it."""

    REFUSE = "REFUSE"
    BUNDLE = "BUNDLE"


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How CSV is written. `delimiter` is one character; with `decimal_comma` it is no comma.

    `escape_formulas` puts an apostrophe before text that a spreadsheet would take for a formula. `local_times` writes
    timestamps as `2026-08-27 22:04:42`, which spreadsheets take for moments, and their time zone into the header.
    """

    delimiter: str = ","
    bom: bool = False
    line_terminator: LineTerminator = LineTerminator.CRLF
    decimal_comma: bool = False
    null_text: str = ""
    escape_formulas: bool = False
    header: bool = True
    local_times: bool = False


@dataclass(frozen=True, slots=True)
class XlsxLayout:
    """How XLSX is written. `compact` leaves cell references out."""

    freeze_header: bool = True
    autofilter: bool = True
    compact: bool = False
    long_text: LongText = LongText.REFUSE


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is called outside: the end of its name (without a dot) and its IANA media type."""

    extension: str
    media_type: str


ZIP = FileKind("zip", "application/zip")


def gzipped(kind: FileKind) -> FileKind:
    """The kind of a file of `kind` that was compressed by gzip."""
    return FileKind(f"{kind.extension}.gz", "application/gzip")


KINDS: dict[Format, FileKind] = {
    Format.XLSX: FileKind("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    Format.CSV: FileKind("csv", "text/csv"),
    Format.JSON: FileKind("json", "application/json"),
    Format.JSONL: FileKind("jsonl", "application/x-ndjson"),
    Format.PARQUET: FileKind("parquet", "application/vnd.apache.parquet"),
}
