"""Connections to the host of a source. A connection goes to the address that was checked."""

import socket
from typing import Any
from urllib.parse import SplitResult

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from services.runtime.addresses import resolved
from services.worker.sources.http.deadline import watch


class _Plain(HTTPConnection):
    """A connection without TLS.

    Raises AddressRefused when the host resolves to an address that is not allowed. The deadline watches it, whether it
    is new or used again.
    """

    allow_private = False

    def _new_conn(self) -> socket.socket:
        return _connected(self, allow_private=self.allow_private)

    def request(self, *args: Any, **named: Any) -> None:
        _watch_again(self)
        super().request(*args, **named)


class _Secure(HTTPSConnection):
    """The same with TLS. The certificate must be that of the host's name."""

    allow_private = False

    def _new_conn(self) -> socket.socket:
        return _connected(self, allow_private=self.allow_private)

    def request(self, *args: Any, **named: Any) -> None:
        _watch_again(self)
        super().request(*args, **named)


class _PrivatePlain(_Plain):
    allow_private = True


class _PrivateSecure(_Secure):
    allow_private = True


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class _PrivatePlainPool(HTTPConnectionPool):
    ConnectionCls = _PrivatePlain


class _PrivateSecurePool(HTTPSConnectionPool):
    ConnectionCls = _PrivateSecure


_POOLS: dict[tuple[str, bool], type[HTTPConnectionPool]] = {
    ("http", False): _PlainPool,
    ("https", False): _SecurePool,
    ("http", True): _PrivatePlainPool,
    ("https", True): _PrivateSecurePool,
}


def pool_to(base: SplitResult, most: int, *, allow_private: bool) -> HTTPConnectionPool:
    """Return a pool of connections to the host of a URL. At most `most` idle connections are kept."""
    assert base.hostname is not None  # noqa: S101 - the settings were checked
    return _POOLS[base.scheme, allow_private](base.hostname, base.port, maxsize=most, retries=False)


def _watch_again(connection: HTTPConnection) -> None:
    """Let the deadline watch an existing connection. A new one is watched from its connect on, before TLS begins."""
    if connection.sock is not None:
        watch(connection.sock.fileno())


def _connected(connection: HTTPConnection, *, allow_private: bool) -> socket.socket:
    problem: OSError | None = None
    try:
        for address in resolved(connection._dns_host, connection.port, allow_private=allow_private):  # noqa: SLF001 - as the class does, without a trailing dot
            try:
                return _dialled(address, connection)
            except OSError as error:
                problem = error
    except OSError as error:
        problem = error
    if isinstance(problem, TimeoutError):
        raise ConnectTimeoutError(connection, "no address answered in time") from problem
    raise NewConnectionError(connection, "no address answered") from problem


def _dialled(address: str, connection: HTTPConnection) -> socket.socket:
    timeout: Any = connection.timeout
    dialled = socket.create_connection((address, connection.port), timeout)
    for option in connection.socket_options or ():
        dialled.setsockopt(*option)
    watch(dialled.fileno())
    return dialled
