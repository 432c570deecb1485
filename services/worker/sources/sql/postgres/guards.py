"""What keeps a connection to PostgreSQL from holding a slot here, or a backend there, for long; and why TLS failed."""

import re

CONNECTION = {
    "connect_timeout": "10",
    "application_name": "exportd-worker",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""Of libpq: a server that has vanished is noticed within a minute."""

CHECK_CONNECTION = (
    "(select set_config(name, '5000', true) from pg_settings"
    " where name = 'client_connection_check_interval' and version() ~ 'linux')"
)
"""Has a backend that computes or waits for a lock look every five seconds whether its client is still there: the one
of a child that was killed ends. PostgreSQL has it from 14 on, and not on every system.
"""


def options(lock_timeout_s: float) -> dict[str, str]:
    """Of a transaction: how long it waits for a lock, such as that of a migration, and how it notices a dead client."""
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
    """Of what libpq says of a connection that failed, the reason that TLS gave; empty: it was not TLS."""
    match = _TLS.search(text)
    return f"TLS: {match[0].removeprefix('SSL error: ')}" if match else ""
