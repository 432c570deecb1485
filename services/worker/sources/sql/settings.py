"""What the settings of all databases have in common."""

from services.runtime.toml import Table
from services.worker.sources import time_zone
from services.worker.sources.origin import Origin
from services.worker.sources.sql import address

KEYS = ("kind", "url", "statement_timeout_s", time_zone.KEY)
SERVER_KEYS = (*KEYS, "password_file", "password_env")
MAX_TIMEOUT_S = 86_400
LOCK_TIMEOUT_KEY = "lock_timeout_s"
DEFAULT_LOCK_TIMEOUT_S = 30.0


def url_in(table: Table) -> str:
    """The address as it is given; empty when there is none."""
    url = table.value("url")
    return url if isinstance(url, str) else ""


def read_timeout(table: Table) -> float:
    """Seconds that a statement may take; 0 is no limit."""
    return table.real("statement_timeout_s", 0, 0, MAX_TIMEOUT_S)


def read_lock_timeout(table: Table) -> float:
    """Seconds that a wait for a lock may take; 0 is no limit."""
    return table.real(LOCK_TIMEOUT_KEY, DEFAULT_LOCK_TIMEOUT_S, 0, MAX_TIMEOUT_S)


def read_server_url(table: Table, origin: Origin, *more: str) -> str:
    """The address of a server, with its password in it; `more` are keys of its kind beside the common ones."""
    table.allow((*SERVER_KEYS, *more))
    password = _password(table, origin)
    try:
        return address.completed(table.text("url"), password) if url_in(table) else table.text("url")
    except address.UrlInvalid as invalid:  # the address is not repeated: it may hold a password
        table.wrong("url", str(invalid))
        return ""


def _password(table: Table, origin: Origin) -> str | None:
    """What the variable or the file holds that is named; None when neither is."""
    ways = [way for way in ("env", "file") if table.has(f"password_{way}")]
    if len(ways) > 1:
        table.wrong("password_file", "is one too many beside password_env")
    if len(ways) != 1:
        return None
    key = f"password_{ways[0]}"
    return origin.kept(table, key, {ways[0]: table.value(key)})
