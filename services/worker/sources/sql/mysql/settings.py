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
    """See OtherSqlSettings. `url` names the driver PyMySQL. `time_zone` is where values of DATETIME are.

    `lock_timeout_s` bounds each wait for a lock, in whole seconds; 0 does not.
    """

    lock_timeout_s: float = DEFAULT_LOCK_TIMEOUT_S


def read(id_: str, table: Table, origin: Origin) -> MysqlSettings:
    """Settings from a table of sources.toml, fit for use only when no mistake was noted."""
    url = _URL.sub("mysql+pymysql://", read_server_url(table, origin, LOCK_TIMEOUT_KEY), count=1)
    return MysqlSettings(id_, url, read_timeout(table), read_time_zone(table), read_lock_timeout(table))


def fits(table: Table) -> bool:
    """Whether the address is one of MySQL or MariaDB, and names no driver but PyMySQL."""
    return _URL.match(url_in(table)) is not None
