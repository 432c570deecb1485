"""Settings of a source of kind http."""

import re
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from services.runtime.toml import Table
from services.worker.sources.origin import Origin

_KEYS = (
    *("kind", "url", "headers", "allow_private", "requests_per_second"),
    *("connect_timeout_s", "timeout_s", "retry_s", "max_page_bytes", "max_pages"),
)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"host", "accept", "accept-encoding", "connection", "content-length", "transfer-encoding"})
_MAX_S = 86_400
_MAX_REQUESTS_PER_SECOND = 1_000_000
_PAGE_BYTES = range(1, (1 << 31) + 1)
_PAGES = range(1, 10**9 + 1)


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """An HTTP API.

    `url` is the base URL of every path: http or https, without a slash at the end, credentials, query or fragment.
    `headers` are sent with every request. `allow_private` allows the host to resolve to addresses that are not public.
    `requests_per_second` limits the rate of one job; 0 is no limit. `timeout_s` limits one answer from its request to
    its last byte, and each part of an attachment. `retry_s` limits the retries of one request. `max_page_bytes` limits
    a page after decompression.
    """

    kind: ClassVar[str] = "http"
    id: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    allow_private: bool = False
    requests_per_second: float = 0
    connect_timeout_s: float = 10
    timeout_s: float = 60
    retry_s: float = 300
    max_page_bytes: int = 32 << 20
    max_pages: int = 100_000


def read(id_: str, table: Table, origin: Origin) -> HttpSettings:
    """Read the settings from a table of sources.toml. They are valid only if no mistake was noted."""
    table.allow(_KEYS)
    usual = HttpSettings(id_, "")
    return HttpSettings(
        id_,
        _url(table),
        _headers(table, origin),
        allow_private=table.flag("allow_private", default=usual.allow_private),
        requests_per_second=table.real("requests_per_second", usual.requests_per_second, 0, _MAX_REQUESTS_PER_SECOND),
        connect_timeout_s=table.real("connect_timeout_s", usual.connect_timeout_s, 0.001, _MAX_S),
        timeout_s=table.real("timeout_s", usual.timeout_s, 0.001, _MAX_S),
        retry_s=table.real("retry_s", usual.retry_s, 0, _MAX_S),
        max_page_bytes=table.number("max_page_bytes", usual.max_page_bytes, _PAGE_BYTES),
        max_pages=table.number("max_pages", usual.max_pages, _PAGES),
    )


def _url(table: Table) -> str:
    url = table.value("url")
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        sound = False
    if not sound or parts.username or parts.password or parts.query or parts.fragment:
        # The mistake does not repeat the value, which may hold a secret.
        table.wrong("url", "must be https://HOST/PATH, or http, without credentials, query and fragment")
    return str(url).rstrip("/")


def _headers(table: Table, origin: Origin) -> tuple[tuple[str, str], ...]:
    headers = table.sub("headers", None)
    return tuple((name, _header(headers, name, origin)) for name in headers.names())


def _header(headers: Table, name: str, origin: Origin) -> str:
    content = origin.secret(headers, name)
    if not _HEADER.fullmatch(name) or name.casefold() in _OURS:
        headers.wrong(name, "is not the name of a header that can be set")
    if not content.isascii() or not content.isprintable():
        headers.wrong(name, "must be printable ASCII")
    return content
