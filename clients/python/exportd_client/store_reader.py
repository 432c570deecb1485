"""The bytes of a file straight from the object store, by a URL that the service signed. All of it blocks.

No error has the URL: who knows it can read the file.
"""

import http.client
import ipaddress
import re
import socket
import ssl
from contextlib import suppress
from typing import Self
from urllib.parse import SplitResult, urlsplit

CONNECT_S = 5.0
"""A store that cannot be reached from here often does not even refuse."""

READ_S = 30.0
"""Without a byte."""

_READ_BYTES = 1 << 20
_RANGE = re.compile(r"bytes (\d{1,19})-\d{1,19}/\d{1,19}")
_TRANSIENT = frozenset({http.client.FORBIDDEN, http.client.TOO_MANY_REQUESTS, *range(500, 600)})
"""Another URL, or the same one later, may do: 403 is what an expired one is answered with."""


class StoreBroke(Exception):
    """The store is there, and did not give all of what it was asked for."""


class StoreOutOfReach(Exception):
    """There is no use in asking again from here."""


class StoreReader:
    """One answer of the store. `close` may be called while another thread reads: that ends the reading."""

    def __init__(self, line: socket.socket, answer: http.client.HTTPResponse) -> None:
        self._line = line
        self._answer = answer

    @classmethod
    def open(cls, url: str, offset: int) -> Self:
        """From this byte on. Raises StoreBroke, StoreOutOfReach."""
        place = _place(url)
        connection = _connected(place)
        line = connection.sock  # the connection lets go of it when the answer ends with it
        try:
            answer = _asked(connection, place, offset)
            _check(answer, offset)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise StoreBroke from error
        except BaseException:
            connection.close()
            raise
        return cls(line, answer)

    def read(self) -> bytes:
        """What comes next; nothing at the end, wherever that is. Raises StoreBroke."""
        try:
            return self._answer.read1(_READ_BYTES)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise StoreBroke from error

    def close(self) -> None:
        """May be repeated."""
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._answer.close()
        self._line.close()


def is_private(url: str) -> bool:
    """Whether nobody on the way reads along: TLS, or this machine."""
    try:
        place = _place(url)
    except StoreOutOfReach:
        return False
    return place.scheme == "https" or _is_loopback(place.hostname or "")


def _place(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise StoreOutOfReach from error


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _connected(place: SplitResult) -> http.client.HTTPConnection:
    """Redirects are not followed and proxies not used: whoever needs them takes the service's stream."""
    try:
        connection = _connection(place)
        connection.connect()
        connection.sock.settimeout(READ_S)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise StoreOutOfReach from error
    return connection


def _connection(place: SplitResult) -> http.client.HTTPConnection:
    host = place.hostname or ""
    if place.scheme == "https":
        return http.client.HTTPSConnection(host, place.port, timeout=CONNECT_S, context=ssl.create_default_context())
    if place.scheme == "http":
        return http.client.HTTPConnection(host, place.port, timeout=CONNECT_S)
    raise StoreOutOfReach


def _asked(connection: http.client.HTTPConnection, place: SplitResult, offset: int) -> http.client.HTTPResponse:
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    connection.request("GET", f"{place.path}?{place.query}", headers=headers)
    return connection.getresponse()


def _check(answer: http.client.HTTPResponse, offset: int) -> None:
    if answer.status in _TRANSIENT:
        raise StoreBroke
    if answer.status == http.client.OK and not offset:
        return
    ranged = _RANGE.fullmatch(answer.getheader("Content-Range", ""))
    if answer.status != http.client.PARTIAL_CONTENT or ranged is None or int(ranged[1]) != offset:
        raise StoreOutOfReach
