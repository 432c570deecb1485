"""Settings of a MySQL or MariaDB database."""

import re
from dataclasses import dataclass

from services.runtime.toml import Table
from services.worker.sources.origin import Origin
from services.worker.sources.sql.other.settings import OtherSqlSettings
from services.worker.sources.sql.settings import (
    DEFAULT_LOCK_TIMEOUT_S,
    LOCK_TIMEOUT_KEY,
    read_lock_timeout,
    read_server_url,
    read_timeout,
    url_in,
)
from services.worker.sources.time_zone import read_time_zone

_URL = re.compile(r"(mysql|mariadb)(\+pymysql)?://")


@dataclass(frozen=True, slots=True)
class MysqlSettings(OtherSqlSettings):
    """A MySQL or MariaDB database, see OtherSqlSettings. `url` names the driver PyMySQL.

    `time_zone` applies to DATETIME. `lock_timeout_s` limits each wait for a lock, rounded up to whole seconds; 0 is no
    limit.
    """

    lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S


def read(id_: str, table: Table, origin: Origin) -> MysqlSettings:
    """Read the settings from a table of sources.toml. They are valid only if no mistake was noted."""
    url = _URL.sub("mysql+pymysql://", read_server_url(table, origin, LOCK_TIMEOUT_KEY), count=1)
    return MysqlSettings(id_, url, read_timeout(table), read_time_zone(table), read_lock_timeout(table))


def fits(table: Table) -> bool:
    """Whether the address is one of MySQL or MariaDB, with PyMySQL or no driver named."""
    return _URL.match(url_in(table)) is not None
