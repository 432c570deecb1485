"""Requests to the host of a source. They are retried while that may help."""

import io
from collections.abc import Callable
from contextlib import closing
from typing import BinaryIO, TypeVar
from urllib.parse import urljoin, urlsplit

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from services.runtime.addresses import AddressRefused, tls_reason
from services.worker.sources import errors
from services.worker.sources.http.connections import pool_to
from services.worker.sources.http.deadline import Deadline
from services.worker.sources.http.pace import Pace, Patience
from services.worker.sources.http.settings import HttpSettings
from services.worker.sources.stores.streams import PIECE, stream, whole_stream

T = TypeVar("T")

MISSING = frozenset({404, 410})
"""Statuses that say that the resource does not exist."""

_OK = range(200, 300)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_LATER = frozenset({408, 425, 429, *range(500, 600)})
_PORTS = {"http": 80, "https": 443}
_CHUNK = 1 << 16


class TryAgain(Exception):
    """An answer that may be better the next time. `after_s` is the delay that the server asked for, in seconds."""

    def __init__(self, after_s: float | None = None) -> None:
        super().__init__(after_s)
        self.after_s = after_s


class HttpClient:
    """Sends GET requests from any number of threads. Up to `connections` idle connections are kept."""

    def __init__(self, settings: HttpSettings, connections: int = 1) -> None:
        self.source_id = settings.id
        self.settings = settings
        self._base = urlsplit(settings.url)
        self._pool = pool_to(self._base, connections, allow_private=settings.allow_private)
        self._pace = Pace(settings.requests_per_second)
        self._retry = Retry()

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def below(self, path: str) -> str:
        """Return the URL of a path below the base URL."""
        return f"{self.settings.url}/{path.lstrip('/')}"

    def linked(self, url: str, link: str) -> str:
        """Return the URL of a link in the answer from `url`. Raises SourceFailed when it leads to another server."""
        try:
            target = urljoin(url, link)
            parts = urlsplit(target)
            there = (parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme))
        except ValueError:
            raise errors.link_foreign(self.source_id) from None
        base = self._base
        if there != (base.scheme, base.hostname, base.port or _PORTS[base.scheme]) or parts.username is not None:
            raise errors.link_foreign(self.source_id)
        return parts._replace(fragment="").geturl()

    def get(self, url: str, accept: str, take: Callable[[BaseHTTPResponse], T]) -> T:
        """Send a request and return the result of `take`, which gets a successful answer or one of MISSING.

        The request is retried when `take` raises TryAgain or an error of reading the answer. Raises SourceFailed.
        """

        def taken() -> T:
            with closing(Deadline(self.settings.timeout_s)) as deadline, deadline:
                response = self._answered(url, accept, "gzip", deadline)
                try:
                    return take(response)
                finally:
                    let_go(response)

        return self._patiently(taken)

    def opened(self, url: str, accept: str) -> BinaryIO | None:
        """Return the body of a successful answer as a stream; None for one of MISSING.

        A body of less than a MiB is read at once, and requested again when it breaks off. This method and the stream
        raise SourceFailed.
        """
        return self._patiently(lambda: self._begun(url, accept))

    def _begun(self, url: str, accept: str) -> BinaryIO | None:
        deadline, start = Deadline(self.settings.timeout_s), None
        try:
            with deadline:
                response = self._answered(url, accept, "identity", deadline)
                try:
                    start = self._beginning(response)
                finally:
                    if start is None or len(start) < PIECE:
                        let_go(response)
        except BaseException:
            deadline.close()
            raise
        if start is not None and len(start) == PIECE:
            return self._rest(start, response, deadline)
        deadline.close()
        return None if start is None else whole_stream(start)

    def _beginning(self, response: BaseHTTPResponse) -> bytes | None:
        if response.status in MISSING:
            drained(response)
            return None
        return response.read(PIECE, decode_content=True)

    def _rest(self, start: bytes, response: BaseHTTPResponse, deadline: Deadline) -> BinaryIO:
        begun = io.BytesIO(start)

        def read(size: int) -> bytes:
            if piece := begun.read(size):
                return piece
            with deadline:
                deadline.start()
                return response.read(size, decode_content=True)

        def close() -> None:
            let_go(response)
            deadline.close()

        return stream(read, close, (HTTPError, OSError), errors.unavailable(self.source_id))

    def _patiently(self, work: Callable[[], T]) -> T:
        patience = Patience(self.settings.retry_s)
        while True:
            try:
                return work()
            except (TryAgain, HTTPError, OSError) as problem:
                if not patience.wait(getattr(problem, "after_s", None)):
                    raise errors.unavailable(self.source_id, _in_words(problem)) from problem
            except AddressRefused as refused:
                raise errors.address_refused(self.source_id) from refused

    def _answered(self, url: str, accept: str, encoding: str, deadline: Deadline) -> BaseHTTPResponse:
        """Return a successful answer or one of MISSING.

        The caller releases it. Each request and redirect has a time limit of its own.
        """
        response = self._sent(url, accept, encoding, deadline)
        for _ in range(_MAX_REDIRECTS):
            if response.status not in _REDIRECTS:
                break
            let_go(response)
            url = self.linked(url, response.headers.get("location", ""))
            response = self._sent(url, accept, encoding, deadline)
        try:
            self._check(response)
        except BaseException:
            let_go(response)
            raise
        return response

    def _sent(self, url: str, accept: str, encoding: str, deadline: Deadline) -> BaseHTTPResponse:
        self._pace.wait()
        deadline.start()
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        return self._pool.urlopen(
            "GET",
            target,
            headers={
                **dict(self.settings.headers),
                "Accept": accept,
                "Accept-Encoding": encoding,
                "User-Agent": "exportd",
            },
            retries=False,
            redirect=False,
            preload_content=False,
            timeout=Timeout(connect=self.settings.connect_timeout_s, read=self.settings.timeout_s),
        )

    def _check(self, response: BaseHTTPResponse) -> None:
        if response.status in _LATER:
            raise TryAgain(self._asked_s(response))
        if response.status not in _OK and response.status not in MISSING:
            raise errors.refused(self.source_id, response.status)

    def _asked_s(self, response: BaseHTTPResponse) -> float | None:
        try:
            return self._retry.get_retry_after(response)
        except (HTTPError, ValueError, OverflowError):
            return None  # the value is invalid


def _in_words(problem: BaseException) -> str:
    """Return the reason of a TLS error, which names nothing of the address but the host. Empty for other errors."""
    reason = tls_reason(problem)
    return f"TLS: {reason}" if reason else ""


def whole(response: BaseHTTPResponse, most: int) -> bytearray | None:
    """Read the whole body, decompressed. None when it has more than `most` bytes."""
    body = bytearray()
    while chunk := response.read1(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > most:
            return None
    return body


def drained(response: BaseHTTPResponse) -> None:
    """Read a small body that is not needed, so that its connection can be used again."""
    response.read(_CHUNK)


def let_go(response: BaseHTTPResponse) -> None:
    """Return the connection to the pool. It is closed unless the body was read to its end."""
    response.close()
    response.release_conn()
