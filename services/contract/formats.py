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


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is called outside: the end of its name (without a dot) and its IANA media type."""

    extension: str
    media_type: str


ZIP = FileKind("zip", "application/zip")

KINDS: dict[Format, FileKind] = {
    Format.XLSX: FileKind("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    Format.CSV: FileKind("csv", "text/csv"),
    Format.JSON: FileKind("json", "application/json"),
    Format.JSONL: FileKind("jsonl", "application/x-ndjson"),
    Format.PARQUET: FileKind("parquet", "application/vnd.apache.parquet"),
}
