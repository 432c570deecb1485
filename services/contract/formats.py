"""The formats of a table, and their extensions and media types."""

from dataclasses import dataclass
from enum import Enum


class Format(Enum):
    """The format of the table in a file."""

    XLSX = "XLSX"
    CSV = "CSV"
    JSON = "JSON"
    JSONL = "JSONL"
    PARQUET = "PARQUET"


class Packaging(Enum):
    """How a table and its attachments are put into files."""

    AUTO = "AUTO"
    ZIP = "ZIP"
    SEPARATE = "SEPARATE"


class Compression(Enum):
    """Compression of a file that is not a ZIP."""

    NONE = "NONE"
    GZIP = "GZIP"


class LineTerminator(Enum):
    """The line end of CSV."""

    CRLF = "\r\n"
    LF = "\n"


class LongText(Enum):
    """What happens to text that does not fit into a cell: the export fails, or a file beside the table has the text."""

    REFUSE = "REFUSE"
    BUNDLE = "BUNDLE"


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """Options of CSV. `delimiter` is one character, and not a comma with `decimal_comma`.

    `escape_formulas` puts an apostrophe before text that a spreadsheet would treat as a formula. `local_times` writes
    timestamps as `2026-08-27 22:04:42`, which spreadsheets recognise, and puts the time zone into the header.
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
    """Options of XLSX. `compact` omits cell references."""

    freeze_header: bool = True
    autofilter: bool = True
    compact: bool = False
    long_text: LongText = LongText.REFUSE


@dataclass(frozen=True, slots=True)
class FileKind:
    """The kind of a file: its extension (without a dot) and its IANA media type."""

    extension: str
    media_type: str


ZIP = FileKind("zip", "application/zip")


def gzipped(kind: FileKind) -> FileKind:
    """Return the kind of a gzip file that contains a file of `kind`."""
    return FileKind(f"{kind.extension}.gz", "application/gzip")


KINDS: dict[Format, FileKind] = {
    Format.XLSX: FileKind("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    Format.CSV: FileKind("csv", "text/csv"),
    Format.JSON: FileKind("json", "application/json"),
    Format.JSONL: FileKind("jsonl", "application/x-ndjson"),
    Format.PARQUET: FileKind("parquet", "application/vnd.apache.parquet"),
}
