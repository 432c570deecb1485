"""Posts a batch to the collector: one request, one deadline, and no more of the answer than its first line.

A collector may be dead, slow or hostile. Redirects are not followed: they could lead the headers elsewhere.
"""

import http.client
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from services.runtime.startup import using

TIMEOUT_S = 5.0
MAX_STATUS_LINE_BYTES = 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r\n]")
_AGAIN = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class NotSent(Exception):
    """The collector has not taken a batch. `again`: it may take it later. `why` is a word for the log."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.why = why
        self.again = again


@dataclass(frozen=True, slots=True)
class Collector:
    """Where batches are posted."""

    endpoint: str
    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext | None
    monotonic: Callable[[], float]

    def post(self, body: bytes) -> None:
        """Post a batch. Raises NotSent, at the latest about TIMEOUT_S after each step of the connection."""
        until = self.monotonic() + TIMEOUT_S
        try:
            status = self._posted(body, until)
        except (OSError, http.client.HTTPException) as unreachable:
            raise NotSent(type(unreachable).__name__, again=True) from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise NotSent(str(status), again=status in _AGAIN)

    def _posted(self, body: bytes, until: float) -> int:
        parts = urlsplit(self.endpoint)
        host, port = parts.hostname or "", parts.port
        if self.tls:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT_S, context=self.tls
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        try:
            own = {"Content-Type": "application/x-protobuf", "Connection": "close", "User-Agent": "exportd"}
            connection.request("POST", parts.path, body, {**self.headers, **own})
            return self._status(connection, until)
        finally:
            connection.close()

    def _status(self, connection: http.client.HTTPConnection, until: float) -> int:
        """Return the status. However slowly the answer comes, this ends in time."""
        line = b""
        while b"\n" not in line and len(line) < MAX_STATUS_LINE_BYTES:
            left = until - self.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.sock.settimeout(left)
            some = connection.sock.recv(MAX_STATUS_LINE_BYTES - len(line))
            if not some:
                break
            line += some
        found = _STATUS_LINE.match(line)
        if found is None:
            raise http.client.BadStatusLine("")
        return int(found[1])


def collector(
    endpoint: str, headers: Mapping[str, str], authority: Path | None, monotonic: Callable[[], float]
) -> Collector:
    """Return the collector at a URL. Raises CannotStart if the file of the authority cannot be used."""
    return Collector(endpoint, headers, _tls(authority) if endpoint.startswith("https:") else None, monotonic)


def _tls(authority: Path | None) -> ssl.SSLContext:
    if authority is None:
        return ssl.create_default_context()
    with using("OTEL_EXPORTER_OTLP_CERTIFICATE", authority):
        return ssl.create_default_context(cafile=authority)
