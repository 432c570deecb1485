"""Settings of a PostgreSQL database."""

from dataclasses import dataclass, field
from typing import ClassVar

from services.runtime.toml import Table
from services.worker.sources.origin import Origin
from services.worker.sources.sql import address
from services.worker.sources.sql.settings import (
    DEFAULT_LOCK_TIMEOUT_S,
    LOCK_TIMEOUT_KEY,
    read_lock_timeout,
    read_server_url,
    read_timeout,
    url_in,
)
from services.worker.sources.time_zone import read_time_zone


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """A PostgreSQL database. `url` includes the password.

    `statement_timeout_s` limits each statement on the server, and `lock_timeout_s` each wait for a lock; 0 is no limit.
    `time_zone` (an IANA name) applies to timestamps without a zone.
    """

    kind: ClassVar[str] = "sql"
    id: str
    url: str = field(repr=False)
    statement_timeout_s: float = 0
    lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S
    time_zone: str = "UTC"


def read(id_: str, table: Table, origin: Origin) -> PostgresSettings:
    """Read the settings from a table of sources.toml. They are valid only if no mistake was noted."""
    url = read_server_url(table, origin, LOCK_TIMEOUT_KEY)
    return PostgresSettings(id_, url, read_timeout(table), read_lock_timeout(table), read_time_zone(table))


def fits(table: Table) -> bool:
    """Whether the address is one of PostgreSQL."""
    return address.is_postgresql(url_in(table))
