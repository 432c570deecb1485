"""Addresses of databases: `dialect://user:password@host/database`. They may hold a secret, so no error repeats them."""

import re
from urllib.parse import quote, unquote, urlsplit

_SCHEME = re.compile(r"[a-z][a-z0-9_]*(\+[a-z0-9_]+)?://")
_SQLITE = "sqlite:///"
_POSTGRESQL = frozenset({"postgresql", "postgres"})


class UrlInvalid(Exception):
    """The address is invalid. The message says why and contains nothing of the address."""


def sqlite_file(url: str) -> str:
    """Return the file of `sqlite:///FILE`. Raises UrlInvalid."""
    parts = urlsplit(url)
    file = unquote(parts.path[1:])
    if not url.startswith(_SQLITE) or parts.query or parts.fragment or not file or "\0" in file:
        raise UrlInvalid("must be sqlite:///FILE, with four slashes for an absolute path")
    return file


def is_sqlite(url: str) -> bool:
    """Whether the address is one of SQLite."""
    return url.startswith("sqlite:")


def is_postgresql(url: str) -> bool:
    """Whether the address is one of PostgreSQL, with any driver."""
    return url.partition("://")[0].partition("+")[0] in _POSTGRESQL


def completed(url: str, password: str | None) -> str:
    """Return the address with this password, which may have any characters.

    None keeps the address's own. Raises UrlInvalid.
    """
    scheme, _, rest = url.partition("://")
    if not _SCHEME.match(url) or any(c in url for c in "\0\r\n"):
        raise UrlInvalid("must be sqlite:///FILE, postgresql://USER@HOST/DATABASE or another URL of SQLAlchemy")
    authority, mark, place = _split(rest)
    user, at, host = authority.rpartition("@")
    name, _, own = user.partition(":")
    if "@" in place.partition("?")[0] and not at:
        raise UrlInvalid("special characters of a user or password must be written as %XX")
    if password is not None and own:
        raise UrlInvalid("holds a password, and password_file, password_env or password_command gives another one")
    known = unquote(own) if password is None else password
    if known and not name:
        raise UrlInvalid("needs a user beside its password")
    secret = f":{quote(known, safe='')}" if known else ""
    scheme = "postgresql" if is_postgresql(url) else scheme
    return f"{scheme}://{name}{secret}{at}{host}{mark}{place}"


def scrubbed(text: str, url: str) -> str:
    """Return a driver's text with the password of `url`, and `url` itself, replaced by `***`."""
    user = _split(url.partition("://")[2])[0].rpartition("@")[0]
    secret = user.partition(":")[2]
    for form in filter(None, {secret, unquote(secret), url}):
        text = text.replace(form, "***")
    return text


def _split(rest: str) -> tuple[str, str, str]:
    """Split at the first of `/?#`. Return the text before it, the character, and the text after it."""
    separator = re.search(r"[/?#]", rest)
    return (rest[: separator.start()], separator[0], rest[separator.end() :]) if separator else (rest, "", "")
