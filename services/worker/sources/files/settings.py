"""Settings of sources of kind parquet and csv."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from services.runtime.toml import Table
from services.worker.sources.origin import Origin
from services.worker.sources.stores.folder import HARD_LINKS
from services.worker.sources.stores.s3 import ROOT_KEYS, ObjectRoot, is_object_url, read_root
from services.worker.sources.time_zone import read_time_zone

_KEYS = ("kind", "source_time_zone")
_CSV_KEYS = ("delimiter", "encoding", "quote", "header", "null", "decimal_comma")
_LINE_ENDS = ("\r", "\n", "\0")
UTF_8 = "utf-8"
ENCODINGS = (
    UTF_8,
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9"),
    *("iso-8859-15", "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254", "windows-1255"),
    *("windows-1256", "windows-1257", "windows-1258", "cp437", "cp850", "mac-roman", "koi8-r", "koi8-u", "shift_jis"),
    *("euc-jp", "euc-kr", "gb18030", "gbk", "big5", "tis-620"),
)
"""Encodings of CSV files. UTF-8 and UTF-16 may begin with a byte order mark."""


@dataclass(frozen=True, slots=True)
class ParquetSettings:
    """Parquet files below `root`: an absolute path of a folder, or a prefix in an object store.

    `time_zone` (an IANA name) applies to timestamps without a zone. `hard_links` allows files of a folder that also
    have other names.
    """

    kind: ClassVar[str] = "parquet"
    has_row_groups: ClassVar[bool] = True
    """Whether whole files only need to be decoded, some row groups at a time."""
    blank_is_null: ClassVar[bool] = False
    """Whether an empty text is null, except in a column of text."""
    decimal_comma: ClassVar[bool] = False
    """Whether numbers in texts have a decimal comma."""
    id: str
    root: Path | ObjectRoot
    time_zone: str = "UTC"
    hard_links: bool = True


@dataclass(frozen=True, slots=True)
class CsvSettings:
    """CSV files below `root`, see ParquetSettings.

    `delimiter` and `quote` are one character. An empty `delimiter` means a tab for file names that end with .tsv or
    .tab, and otherwise a comma. An empty `quote` means that values are not quoted. `encoding` is one of ENCODINGS.
    Without `header` the columns are named `column1`, `column2` and so on. `null` has the texts that mean null when they
    are not quoted.
    """

    kind: ClassVar[str] = "csv"
    has_row_groups: ClassVar[bool] = False
    blank_is_null: ClassVar[bool] = True
    id: str
    root: Path | ObjectRoot
    time_zone: str = "UTC"
    hard_links: bool = True
    delimiter: str = ""
    encoding: str = UTF_8
    quote: str = '"'
    header: bool = True
    null: tuple[str, ...] = ("",)
    decimal_comma: bool = False


FileSettings = ParquetSettings | CsvSettings


def read_parquet(id_: str, table: Table, origin: Origin) -> ParquetSettings:
    """Read the settings from a table of sources.toml. They are valid only if no mistake was noted."""
    root = _root(table, origin)
    return ParquetSettings(id_, root, read_time_zone(table), table.flag(HARD_LINKS, default=True))


def read_csv(id_: str, table: Table, origin: Origin) -> CsvSettings:
    """Read the settings from a table of sources.toml. They are valid only if no mistake was noted."""
    root = _root(table, origin, _CSV_KEYS)
    delimiter, quote = _character(table, "delimiter", ""), _character(table, "quote", '"')
    if delimiter and delimiter == quote:
        table.wrong("quote", "is the delimiter, too")
    return CsvSettings(
        id_,
        root,
        read_time_zone(table),
        table.flag(HARD_LINKS, default=True),
        delimiter=delimiter,
        encoding=table.choice("encoding", ENCODINGS, UTF_8),
        quote=quote,
        header=table.flag("header", default=True),
        null=_nulls(table),
        decimal_comma=table.flag("decimal_comma", default=False),
    )


def _character(table: Table, key: str, default: str) -> str:
    """Read one character; "" means none."""
    value = table.value(key) if table.has(key) else default
    if isinstance(value, str) and len(value) <= 1 and value not in _LINE_ENDS and value.isascii():
        return value
    table.wrong(key, 'must be one character, "\\t" being a tab')
    return default


def _nulls(table: Table) -> tuple[str, ...]:
    value = table.value("null") if table.has("null") else ""
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list) and texts and all(isinstance(each, str) for each in texts):
        return tuple(dict.fromkeys(texts))
    table.wrong("null", "must be a text, or a list of at least one")
    return ("",)


def _root(table: Table, origin: Origin, keys: tuple[str, ...] = ()) -> Path | ObjectRoot:
    if is_object_url(table.value("root")):
        table.allow((*_KEYS, *keys, *ROOT_KEYS))
        return read_root(table, origin)
    table.allow((*_KEYS, *keys, "root", HARD_LINKS))
    return origin.path(table.text("root"))
