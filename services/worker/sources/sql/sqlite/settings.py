"""Settings of a SQLite database."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from services.runtime.toml import Table
from services.worker.sources.origin import Origin
from services.worker.sources.sql import address
from services.worker.sources.sql.settings import KEYS, read_timeout, url_in
from services.worker.sources.time_zone import read_time_zone


@dataclass(frozen=True, slots=True)
class SqliteSettings:
    """A SQLite database. `path` is the absolute path of the file.

    `statement_timeout_s` limits each reading; 0 is no limit. `time_zone` (an IANA name) applies to timestamps without a
    zone.
    """

    kind: ClassVar[str] = "sql"
    id: str
    path: Path
    statement_timeout_s: float = 0
    time_zone: str = "UTC"


def read(id_: str, table: Table, origin: Origin) -> SqliteSettings:
    """Read the settings from a table of sources.toml. They are valid only if no mistake was noted."""
    table.allow(KEYS)
    return SqliteSettings(id_, origin.path(_file(table)), read_timeout(table), read_time_zone(table))


def fits(table: Table) -> bool:
    """Whether the address is one of SQLite."""
    return address.is_sqlite(url_in(table))


def _file(table: Table) -> str:
    try:
        return address.sqlite_file(url_in(table))
    except address.UrlInvalid as invalid:
        table.wrong("url", str(invalid))
        return ""
