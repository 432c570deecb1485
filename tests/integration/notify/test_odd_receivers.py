"""Whatever comes behind a status line, and whatever comes before it: the status line is a receiver's answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from services.api.notify.posting import MAX_HEAD_BYTES, MAX_LINE_BYTES
from services.api.notify.schedule import Accepted, Failed
from tests.integration.notify.samples import callback_to
from tests.integration.notify.test_callback import sender

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]
CUT = Failed("the connection was cut")
NO_HTTP = Failed("the response is not HTTP")


@asynccontextmanager
async def receiver(answer: bytes, *, leaves: bool = True) -> AsyncIterator[str]:
    """The URL of one that reads the request and sends these bytes; then it leaves, or says nothing more."""
    over = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(answer)
        if not leaves:
            await over.wait()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=1 << 20)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        over.set()


async def outcome(answer: bytes, *, leaves: bool = True) -> object:
    async with receiver(answer, leaves=leaves) as url, sender(timeout_s=5) as callbacks:
        return await callbacks.send(callback_to(url))


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + b"X-Long: " + b"x" * 8200 + b"\r\n\r\n", id="a header of 8,200 bytes"),
        pytest.param(OK + b"X-Long: " + b"x" * 200_000 + b"\r\n\r\n", id="a header of 200,000 bytes"),
        pytest.param(OK + b"".join(b"x-%d: y\r\n" % n for n in range(140)) + b"\r\n", id="140 headers"),
        pytest.param(OK + b"".join(b"x-%d: y\r\n" % n for n in range(20_000)) + b"\r\n", id="20,000 headers"),
        pytest.param(OK, id="no headers"),
        pytest.param(OK + b"Content-Length: 10\r\n\r\n", id="no body"),
        pytest.param(OK + b"Content-Length: 10\r\n\r\nabc", id="a cut body"),
        pytest.param(OK + b"Content-Length: ten\r\n\r\n", id="a length that is none"),
        pytest.param(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nwhat", id="bad chunking"),
        pytest.param(OK + b"Content-Encoding: gzip\r\n\r\nno gzip", id="no gzip"),
        pytest.param(OK + b"no header at all\r\n \xff\xfe: \x00\r\n\r\n", id="headers that are none"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n", id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 200\r\n\r\n", id="no reason"),
        pytest.param(b"HTTP/1.1 200 OK\n\n", id="line feeds alone"),
        pytest.param(b"HTTP/1.1 200 " + b"reason " * 20_000 + b"\r\n\r\n", id="a long reason"),
        pytest.param(b"HTTP/1.1 200 \xff\xfe\r\n\r\n", id="a reason that is no text"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\n", id="an interim answer"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 9 + OK + b"\r\n", id="interim answers"),
    ],
)
@pytest.mark.parametrize("leaves", [True, False], ids=["leaves", "stays"])
async def test_a_good_status_line_is_acceptance(answer: bytes, *, leaves: bool) -> None:
    assert await outcome(answer, leaves=leaves) == Accepted("200")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", CUT),
        (b"\r\n", NO_HTTP),
        (b"HTTP/1.1 20", NO_HTTP),
        (b"HTTP/1.1 2000 OK\r\n\r\n", NO_HTTP),
        (b"HTTP/1.1 099 OK\r\n\r\n", NO_HTTP),
        (b"HTTP/2 200\r\n\r\n", NO_HTTP),
        (b"ICY 200 OK\r\n\r\n", NO_HTTP),
        (b"x" * (MAX_LINE_BYTES + 1), NO_HTTP),
        (b"HTTP/1.1 100 Continue\r\n\r\n", CUT),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_HEAD_BYTES // 20), NO_HTTP),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Failed("101")),
        (b"HTTP/1.1 503 Busy\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n", Failed("503")),
    ],
)
async def test_no_good_status_line_is_a_failure(answer: bytes, expected: Failed) -> None:
    assert await outcome(answer) == expected


async def test_a_receiver_that_answers_before_it_has_read_is_believed() -> None:
    async def hasty(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 202 Accepted\r\n\r\n")
        await writer.drain()
        writer.write_eof()

    server = await asyncio.start_server(hasty, "127.0.0.1", 0)
    async with server, sender() as callbacks:
        port = server.sockets[0].getsockname()[1]
        assert await callbacks.send(callback_to(f"http://127.0.0.1:{port}/")) == Accepted("202")


async def test_of_several_addresses_one_that_listens_is_enough() -> None:
    async with receiver(OK + b"\r\n") as url, sender(lookup=lambda *_: ["127.9.9.9", "127.0.0.1"]) as callbacks:
        assert await callbacks.send(callback_to(url.replace("127.0.0.1", "receiver.test"))) == Accepted("200")


async def test_a_wish_for_patience_is_found_among_odd_headers() -> None:
    headers = b"no header\r\n" + b"x-%d: y\r\n" % 1 + b"RETRY-AFTER :  120 \r\n\r\n"
    answered = await outcome(b"HTTP/1.1 429 Slow\r\n" + headers)
    assert isinstance(answered, Failed)
    assert answered.wait is not None
    assert answered.wait.total_seconds() == 120
