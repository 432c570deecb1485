"""Settings of any other database."""

from dataclasses import dataclass, field
from typing import ClassVar

from services.runtime.toml import Table
from services.worker.sources.origin import Origin
from services.worker.sources.sql.settings import read_server_url, read_timeout
from services.worker.sources.time_zone import read_time_zone


@dataclass(frozen=True, slots=True)
class OtherSqlSettings:
    """Any other database. `url` is one of SQLAlchemy, including the password.

    `statement_timeout_s` limits each reading; 0 is no limit. `time_zone` (an IANA name) applies to timestamps without a
    zone.
    """

    kind: ClassVar[str] = "sql"
    id: str
    url: str = field(repr=False)
    statement_timeout_s: float = 0
    time_zone: str = "UTC"


def read(id_: str, table: Table, origin: Origin) -> OtherSqlSettings:
    """Read the settings from a table of sources.toml. They are valid only if no mistake was noted."""
    return OtherSqlSettings(id_, read_server_url(table, origin), read_timeout(table), read_time_zone(table))
