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


@dataclass(frozen=True, slots=True)
class ParquetSettings:
    """`root` is the directory, absolute, or the prefix in an object store that every file is below.

    `time_zone` (an IANA name) is where its timestamps without a zone are. `hard_links`: whether files of a directory
    may have other names, too.
    """

    kind: ClassVar[str] = "parquet"
    has_row_groups: ClassVar[bool] = True
    """Whether there is nothing to do for values but to decode them, some rows at a time."""
    blank_is_null: ClassVar[bool] = False
    """Whether an empty text stands for no value, in any column but one of text."""
    id: str
    root: Path | ObjectRoot
    time_zone: str = "UTC"
    hard_links: bool = True


@dataclass(frozen=True, slots=True)
class CsvSettings:
    """See ParquetSettings."""

    kind: ClassVar[str] = "csv"
    has_row_groups: ClassVar[bool] = False
    blank_is_null: ClassVar[bool] = True
    id: str
    root: Path | ObjectRoot
    time_zone: str = "UTC"
    hard_links: bool = True


FileSettings = ParquetSettings | CsvSettings


def read_parquet(id_: str, table: Table, origin: Origin) -> ParquetSettings:
    """Settings from a table of sources.toml, fit for use only when no mistake was noted."""
    root = _root(table, origin)
    return ParquetSettings(id_, root, read_time_zone(table), table.flag(HARD_LINKS, default=True))


def read_csv(id_: str, table: Table, origin: Origin) -> CsvSettings:
    """Settings from a table of sources.toml, fit for use only when no mistake was noted."""
    root = _root(table, origin)
    return CsvSettings(id_, root, read_time_zone(table), table.flag(HARD_LINKS, default=True))


def _root(table: Table, origin: Origin) -> Path | ObjectRoot:
    if is_object_url(table.value("root")):
        table.allow((*_KEYS, *ROOT_KEYS))
        return read_root(table, origin)
    table.allow((*_KEYS, "root", HARD_LINKS))
    return origin.path(table.text("root"))
