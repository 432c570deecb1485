"""What the name of a column suggests. Suggestions are only proposed: the draft marks them with a note."""

from itertools import pairwise

from services.contract.spec import Kind
from services.worker.sources.introspect.names import words
from services.worker.sources.introspect.tables import LiveColumn

_SECRETS = frozenset(
    {
        *(
            "password",
            "passwd",
            "passphrase",
            "passcode",
            "pwd",
            "secret",
            "secrets",
            "token",
            "tokens",
            "hash",
            "salt",
        ),
        *("salt", "credential", "credentials", "ssn", "cvv", "cvc", "pin", "otp", "apikey"),
    }
)
_SECRET_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("secret", "key"), ("pass", "word")})
_HOLD_SECRETS = frozenset({Kind.TEXT, Kind.BINARY, Kind.JSON, Kind.INTEGER, Kind.DECIMAL})
"""Types that can hold secrets. The time of a change of password, or whether there is a password, is not secret."""

_CHANGE = frozenset({"updated", "update", "modified", "modification", "changed", "change", "mtime"})
_BESIDE_CHANGE = frozenset(
    {"last", "at", "on", "date", "time", "datetime", "timestamp", "ts", "row", "record", "utc", "when", "was"}
)


def is_secret(column: LiveColumn) -> bool:
    """Whether the name of the column suggests passwords, tokens or other secrets."""
    parts = words(column.name)
    named = any(part in _SECRETS or part.endswith(("password", "passwd")) for part in parts)
    paired = any(pair in _SECRET_PAIRS for pair in pairwise(parts))
    return column.type.kind in _HOLD_SECRETS and (named or paired)


def is_time_of_change(column: LiveColumn, table: str) -> bool:
    """Whether the column looks like the time of a row's last change.

    `updated_at` does, `password_changed_at` does not.
    """
    parts = set(words(column.name))
    if column.type.kind is not Kind.TIMESTAMP or not parts & _CHANGE:
        return False
    of_table = set(words(table))
    singular = {word.removesuffix("s") for word in of_table}
    return parts <= _CHANGE | _BESIDE_CHANGE | of_table | singular
