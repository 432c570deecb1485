"""Settings of a source of kind http."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from services.worker.sources.secrets import Secrets

KEYS = (
    *("url", "headers", "allow_private", "requests_per_second"),
    *("connect_timeout_s", "timeout_s", "retry_s", "max_page_bytes", "max_pages"),
)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"host", "accept", "accept-encoding", "connection", "content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """`url` is what every path is below: http or https, without a slash at the end, credentials, query or fragment.

    `headers` go with every request. `allow_private` lets the host lead to addresses that are not public.
    `requests_per_second` is the most of one job; 0 is no limit. `timeout_s` is for one answer from its request to its
    last byte; of an attachment, for each part. `retry_s` is how long one request is tried again. `max_page_bytes`
    is of a page once decompressed.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    allow_private: bool = False
    requests_per_second: float = 0
    connect_timeout_s: float = 10
    timeout_s: float = 60
    retry_s: float = 300
    max_page_bytes: int = 32 << 20
    max_pages: int = 100_000


def read(key: str, table: Mapping[str, Any], secrets: Secrets, mistakes: list[str]) -> HttpSettings:
    """Fit for use only when nothing was added to `mistakes`."""
    defaults = HttpSettings("")
    numbers = {
        name: _number(key, table, name, getattr(defaults, name), mistakes)
        for name in ("requests_per_second", "connect_timeout_s", "timeout_s", "retry_s", "max_page_bytes", "max_pages")
    }
    private = table.get("allow_private", False)
    if not isinstance(private, bool):
        mistakes.append(f"{key}.allow_private: must be true or false")
    headers = _headers(f"{key}.headers", table.get("headers", {}), secrets, mistakes)
    return HttpSettings(
        _url(f"{key}.url", table.get("url"), mistakes),
        headers,
        private is True,
        **numbers,  # type: ignore[arg-type]
    )


def _url(key: str, value: object, mistakes: list[str]) -> str:
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        sound = False
    if not sound or parts.username or parts.password or parts.query or parts.fragment:
        # It is not repeated: it may hold a secret.
        mistakes.append(f"{key}: must be https://HOST/PATH, or http, without credentials, query and fragment")
    return str(value).rstrip("/")


def _headers(key: str, value: object, secrets: Secrets, mistakes: list[str]) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        mistakes.append(f"{key}: must be a table")
        return ()
    unfit = (name for name in value if not _HEADER.fullmatch(name) or name.casefold() in _OURS)
    mistakes += [f"{key}.{name}: is no name of a header that can be set" for name in unfit]
    found = tuple((name, secrets.text(f"{key}.{name}", content)) for name, content in value.items())
    mistakes += [f"{key}.{name}: must be printable ASCII" for name, text in found if not _is_plain(text)]
    return found


def _is_plain(text: str) -> bool:
    return text.isascii() and (text.isprintable() or not text)


def _number(key: str, table: Mapping[str, Any], name: str, default: float, mistakes: list[str]) -> float:
    value = table.get(name, default)
    least = 0 if name in ("requests_per_second", "retry_s") else 1 if isinstance(default, int) else 0.001
    whole = isinstance(default, int) and name.startswith("max_")
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not value >= least:
        mistakes.append(f"{key}.{name}: must be {'a whole number' if whole else 'a number'}, at least {least:g}")
        return default
    return value
