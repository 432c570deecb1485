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
    """`path` is the file, absolute. `statement_timeout_s` bounds each reading, 0 does not.

    `time_zone` (an IANA name) is where its timestamps without a zone are.
    """

    kind: ClassVar[str] = "sql"
    id: str
    path: Path
    statement_timeout_s: float = 0
    time_zone: str = "UTC"


def read(id_: str, table: Table, origin: Origin) -> SqliteSettings:
    """Settings from a table of sources.toml, fit for use only when no mistake was noted."""
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
