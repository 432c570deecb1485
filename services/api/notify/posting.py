"""One HTTP POST over a connection of its own.

A general HTTP client refuses an answer whose headers are too long, too many or malformed. Here the status line alone is
the answer: a receiver that has sent it has decided, whatever follows.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiohappyeyeballs import start_connection
from yarl import URL

from services.runtime.addresses import tls_reason

MAX_LINE_BYTES = 64 << 10
MAX_HEAD_BYTES = 256 << 10
"""The most bytes of headers that are searched for Retry-After, or that interim answers may have."""

HEADERS_S = 2.0
"""How long to wait for the headers after the status line."""

GOODBYE_S = 0.5
EYEBALLS_DELAY_S = 0.25
"""Delay before the next of several addresses is tried, too."""

_STATUS = re.compile(rb"HTTP/1\.[0-9] ([1-5][0-9]{2})(?=[ \r\n]|\Z)")
_RETRY_AFTER = re.compile(rb"retry-after[ \t]*:([^\r\n]*)", re.IGNORECASE)
_FINAL = 200
_SWITCHED = 101


class PostFailed(Exception):
    """No answer was received. `outcome` says why, without any part of the URL but its host."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a POST.

    `retry_after` is the text of that header; empty if there is none. It is not read for a successful status.
    """

    status: int
    retry_after: str = ""


async def post(
    url: URL, addresses: Sequence[str], headers: Mapping[str, str], body: bytes, tls: ssl.SSLContext
) -> Reply:
    """Post to the first of `addresses` that connects, and return the status. Raises PostFailed."""
    reader, writer = await _connected(url, addresses, tls)
    try:
        writer.write(_request(url, headers, body))
        with suppress(ConnectionError):  # an answer may arrive before the whole body was sent
            await writer.drain()
        return await _reply(reader)
    except ssl.SSLError as problem:
        raise PostFailed(f"TLS: {tls_reason(problem)}") from problem
    except (OSError, EOFError) as problem:
        raise PostFailed("the connection was cut") from problem
    finally:
        await _leave(writer)


async def _connected(
    url: URL, addresses: Sequence[str], tls: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    infos = [_info(address, url.port or 0) for address in addresses]
    try:
        connected = await start_connection(infos, happy_eyeballs_delay=EYEBALLS_DELAY_S, interleave=1)
    except OSError as problem:
        raise PostFailed("could not connect") from problem
    secure = {"ssl": tls, "server_hostname": (url.raw_host or "").rstrip(".")} if url.scheme == "https" else {}
    try:
        return await asyncio.open_connection(sock=connected, limit=MAX_LINE_BYTES, **secure)  # type: ignore[arg-type]
    except OSError as problem:
        connected.close()
        reason = tls_reason(problem)
        raise PostFailed(f"TLS: {reason}" if reason else "the connection was cut") from problem
    except BaseException:
        connected.close()
        raise


def _info(address: str, port: int) -> tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]:
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


def _request(url: URL, headers: Mapping[str, str], body: bytes) -> bytes:
    all_ = {
        "host": url.host_port_subcomponent or "",
        "accept": "*/*",
        **headers,
        "content-length": str(len(body)),
        "connection": "close",
    }
    lines = [f"POST {url.raw_path_qs} HTTP/1.1", *(f"{name}: {value}" for name, value in all_.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + body


async def _reply(reader: asyncio.StreamReader) -> Reply:
    room = MAX_HEAD_BYTES
    while True:
        line = await _line(reader)
        status = _status(line)
        if status >= _FINAL or status == _SWITCHED:
            return Reply(status, "" if status in range(200, 300) else await _retry_after(reader))
        head = await _head(reader, room)  # an interim answer, such as 100 Continue
        room -= len(line) + len(head)
        if room <= 0:
            raise PostFailed("the response is not HTTP")


def _status(line: bytes) -> int:
    if not line:
        raise EOFError
    match = _STATUS.match(line)
    if match is None:
        raise PostFailed("the response is not HTTP")
    return int(match[1])


async def _retry_after(reader: asyncio.StreamReader) -> str:
    """Return the value of Retry-After. The status counts even if the headers are wrong."""
    with suppress(OSError, TimeoutError, PostFailed):
        async with asyncio.timeout(HEADERS_S):
            for line in (await _head(reader, MAX_HEAD_BYTES)).splitlines():
                if match := _RETRY_AFTER.fullmatch(line):
                    return match[1].decode("ascii", "replace").strip()
    return ""


async def _head(reader: asyncio.StreamReader, most: int) -> bytes:
    """Return the lines up to an empty line or the end."""
    head = b""
    while (line := await _line(reader)) not in (b"", b"\r\n", b"\n"):
        head += line
        if len(head) > most:
            raise PostFailed("the response is not HTTP")
    return head


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line with its line end, or what arrived of it; empty at the end."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as ended:
        return ended.partial
    except asyncio.LimitOverrunError:
        return await reader.read(MAX_LINE_BYTES)


async def _leave(writer: asyncio.StreamWriter) -> None:
    """Close the connection without waiting for the receiver to end TLS."""
    writer.close()
    try:
        async with asyncio.timeout(GOODBYE_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
    except asyncio.CancelledError:
        writer.transport.abort()
        raise
