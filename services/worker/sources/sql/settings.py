"""Settings that all databases have in common."""

from services.runtime.toml import Table
from services.worker.sources import time_zone
from services.worker.sources.origin import Origin
from services.worker.sources.sql import address

KEYS = ("kind", "url", "statement_timeout_s", time_zone.KEY)
SERVER_KEYS = (*KEYS, "password_file", "password_env", "password_command")
MAX_TIMEOUT_S = 86_400
LOCK_TIMEOUT_KEY = "lock_timeout_s"
DEFAULT_LOCK_TIMEOUT_S = 30.0


def url_in(table: Table) -> str:
    """Return the address as given; empty when there is none."""
    url = table.value("url")
    return url if isinstance(url, str) else ""


def read_timeout(table: Table) -> float:
    """Read the time limit of a statement in seconds; 0 is no limit."""
    return table.real("statement_timeout_s", 0, 0, MAX_TIMEOUT_S)


def read_lock_timeout(table: Table) -> float:
    """Read the time limit of a wait for a lock in seconds; 0 is no limit."""
    return table.real(LOCK_TIMEOUT_KEY, DEFAULT_LOCK_TIMEOUT_S, 0, MAX_TIMEOUT_S)


def read_server_url(table: Table, origin: Origin, *more: str) -> str:
    """Read the address of a server and add its password. `more` are keys of the kind in addition to the common ones."""
    table.allow((*SERVER_KEYS, *more))
    password = _password(table, origin)
    try:
        return address.completed(table.text("url"), password) if url_in(table) else table.text("url")
    except address.UrlInvalid as invalid:  # the mistake does not repeat the address, which may hold a password
        table.wrong("url", str(invalid))
        return ""


def _password(table: Table, origin: Origin) -> str | None:
    """Return the password from the variable, file or command that the table names; None when it names none."""
    ways = [way for way in ("env", "file", "command") if table.has(f"password_{way}")]
    if len(ways) > 1:
        table.wrong(f"password_{ways[1]}", f"is one too many beside password_{ways[0]}")
    if len(ways) != 1:
        return None
    key = f"password_{ways[0]}"
    return origin.kept(table, key, {ways[0]: table.value(key)})
