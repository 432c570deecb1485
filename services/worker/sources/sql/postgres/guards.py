"""Options that keep a connection to PostgreSQL from occupying a slot or a backend for long; and errors of TLS."""

import re

CONNECTION = {
    "connect_timeout": "10",
    "application_name": "exportd-worker",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""Options of libpq. With them, a server that has vanished is noticed within a minute."""

CHECK_CONNECTION = (
    "(select set_config(name, '5000', true) from pg_settings"
    " where name = 'client_connection_check_interval' and version() ~ 'linux')"
)
"""Lets a backend that computes or waits for a lock check every five seconds whether its client still exists.

This ends the backend of a child that was killed. PostgreSQL supports it from version 14, on some systems.
"""


def options(lock_timeout_s: float) -> dict[str, str]:
    """Return the options of a transaction.

    They limit how long it waits for a lock, such as that of a migration, and let it detect a dead client.
    """
    return {
        "lock_timeout": str(int(lock_timeout_s * 1000)),
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }


_TLS = re.compile(
    r"SSL error: [^\n]*"
    r"|server does not support SSL[^\n]*"
    r'|server certificate for "[^"]*"[^\n]* does not match host name "[^"]*"'
)


def tls_words(text: str) -> str:
    """Return the TLS error in a message of libpq about a failed connection; empty for other errors."""
    match = _TLS.search(text)
    return f"TLS: {match[0].removeprefix('SSL error: ')}" if match else ""
