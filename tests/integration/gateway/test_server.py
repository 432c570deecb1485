"""The server: credentials, ids of requests, limits, errors, the end."""

import asyncio
import json
import re
import socket
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from google.rpc import code_pb2

from exportd_client.errors import ExportdError
from services.contract.status import BY_REASON, CODES
from services.gateway.http.holders import holder_of
from services.gateway.http.problems import status_of
from services.gateway.settings import from_env
from services.runtime.settings import SettingsError
from tests.integration.api.conftest import Api, Worker, until
from tests.integration.gateway.conftest import Gateway, opened
from tests.integration.gateway.described import check_value
from tests.patience import PATIENCE_S

LIST = "/v1/exports"


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Api-Key", "a"), ("X-Api-Key", "a")],
        [("X-Api-Key", "a"), ("Authorization", "Bearer a")],
        [("Authorization", "Bearer a"), ("Authorization", "Bearer a")],
        [("Authorization", "Basic YTpi")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer a b")],
        [("X-Api-Key", "")],
        [("X-Api-Key", "a b")],
        [("X-Api-Key", "x" * 201)],
        [("Origin", "http://evil.example")],
        [("Sec-Fetch-Site", "cross-site")],
        [("Host", "evil.example")],
        [("X-Api-Key", "exd_unknown")],
    ],
)
async def test_credentials_that_are_ambiguous_or_unknown_are_refused(
    gateway: Gateway, headers: list[tuple[str, str]]
) -> None:
    refused = await gateway.json("GET", LIST, 401, headers=headers)
    assert refused["reason"] == "BAD_CREDENTIALS"


async def test_a_tenant_passes_on_loopback_and_sees_its_own(gateway: Gateway) -> None:
    created = await gateway.json(
        "POST", LIST, json={"uri": "/shops/7/orders", "format": "FORMAT_CSV"}, headers={"X-Exportd-Tenant": "acme"}
    )
    path = f"{LIST}/{created['id']}"
    assert (await gateway.json("GET", path, headers={"X-Exportd-Tenant": "acme"}))["id"] == created["id"]
    assert (await gateway.json("GET", path, 404))["reason"] == "EXPORT_NOT_FOUND"
    for headers in ([("X-Exportd-Tenant", "a"), ("X-Exportd-Tenant", "a")], [("X-Exportd-Tenant", "a b")]):
        refused = await gateway.json("GET", LIST, 400, headers=headers)
        assert refused["violations"][0]["field"] == "x-exportd-tenant"


async def test_beyond_loopback_nobody_comes_in_without_a_key_though_the_api_asks_for_none(api: Api) -> None:
    async with opened(api.target, EXPORTD_GATEWAY_LISTEN="0.0.0.0:0", EXPORTD_TLS_OFF_BEHIND_PROXY="yes") as gateway:
        for headers in ({}, {"X-Exportd-Tenant": "default"}):
            assert (await gateway.json("GET", LIST, 401, headers=headers))["reason"] == "BAD_CREDENTIALS"
        assert await gateway.json("GET", "/healthz") == {"status": "SERVING"}


async def test_a_request_has_an_id_that_the_api_logs_too(gateway: Gateway) -> None:
    async with gateway.session.get(f"{gateway.url}{LIST}/{uuid4()}", headers={"X-Request-ID": "mine-1"}) as answer:
        assert answer.headers["X-Request-ID"] == (await answer.json(content_type=None))["requestId"] == "mine-1"
    for odd in ("", "a b", "x" * 65):
        async with gateway.session.get(f"{gateway.url}{LIST}", headers={"X-Request-ID": odd}) as answer:
            assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_every_reason_has_a_status() -> None:
    found = {
        reason: status_of(ExportdError("", reason=reason, code=code_pb2.Code.Name(CODES[error])))
        for reason, error in BY_REASON.items()
    }
    assert {reason for reason, status in found.items() if status >= 500} == {
        "FILE_DAMAGED",
        "INTERNAL",
        "NO_WORKER",
        "OVERLOADED",
        "PROVIDER_UNAVAILABLE",
        "READER_STALLED",
        "SHUTTING_DOWN",
        "STORE_UNAVAILABLE",
    }
    assert {found["FILE_EXPIRED"], found["EXPORT_DELETED"]} == {410}


async def test_an_api_that_is_away_is_503_which_does_not_tell_where_it_was() -> None:
    async with opened("127.0.0.1:1") as gateway:
        async with gateway.session.get(f"{gateway.url}{LIST}") as answer:
            text = await answer.text()
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
            assert "127.0.0.1" not in text
        assert await gateway.json("GET", "/readyz", 503) == {"status": "UNREACHED"}
        assert await gateway.json("GET", "/healthz") == {"status": "SERVING"}


async def test_an_api_that_is_there_makes_the_gateway_ready(gateway: Gateway) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await gateway.session.get(f"{gateway.url}/readyz")).status != 200:
            await asyncio.sleep(0.01)  # between two looks


async def test_a_preview_without_a_worker_says_when_to_ask_again(gateway: Gateway) -> None:
    body = {"export": {"uri": "/shops/7/orders", "format": "FORMAT_CSV"}}
    async with gateway.session.post(f"{gateway.url}/v1/exports:preview", json=body) as answer:
        assert (answer.status, (await answer.json(content_type=None))["reason"]) == (503, "NO_WORKER")
        assert int(answer.headers["Retry-After"]) > 0


async def test_a_form_is_no_json(gateway: Gateway) -> None:
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
        await gateway.json("POST", LIST, 415, data=b"{}", headers=headers)
    for headers in (
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json; charset=latin-1"},
    ):
        await gateway.json("POST", LIST, 415, data=b"{}", headers=headers)
    await gateway.json("POST", LIST, 400, data=b"{}", headers={"Content-Type": "application/json; charset=UTF-8"})


async def raw(gateway: Gateway, sent: bytes) -> bytes:
    """All that comes until the server closes."""
    host, _, port = gateway.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(sent)
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    finally:
        writer.close()


class TestTimes:
    @pytest.fixture
    def gateway_settings(self) -> Mapping[str, str]:
        return {"EXPORTD_GATEWAY_IDLE_TIMEOUT_S": "0.3", "EXPORTD_GATEWAY_BODY_TIMEOUT_S": "0.3"}

    @pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-"])
    async def test_a_head_that_does_not_come_ends_the_connection(self, gateway: Gateway, sent: bytes) -> None:
        assert await raw(gateway, sent) == b""

    async def test_a_body_that_does_not_come_ends_the_request(self, gateway: Gateway) -> None:
        head = b"POST /v1/exports HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        answer = await raw(gateway, head + b"Content-Length: 10\r\n\r\n{")
        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v1/exports HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /v1/exports?x=" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET /v1/exports HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 200 + b"\r\n", 400),
        (b"POST /v1/exports HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400),
        (b"GET /v1/exports HTTP/1.1\r\nHost: localhost\r\nX-A: \x00\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
    ids=["long field", "long line", "many fields", "two lengths", "length and chunks", "no character", "tls"],
)
async def test_a_head_that_is_too_large_or_ambiguous_is_refused_as_every_mistake(
    gateway: Gateway, head: bytes, status: int
) -> None:
    answer = await raw(gateway, head)
    assert re.match(rb"HTTP/1\.[01] %d " % status, answer)
    fields, _, body = answer.partition(b"\r\n\r\n")
    assert all(
        name in fields for name in (b"X-Content-Type-Options: nosniff", b"Server: exportd\r\n", b"X-Request-ID: ")
    )
    check_value("native", {"$ref": "#/components/schemas/Problem"}, json.loads(body))


class TestConnections:
    @pytest.fixture
    def gateway_settings(self) -> Mapping[str, str]:
        return {"EXPORTD_GATEWAY_MAX_CONNECTIONS": "1"}

    async def test_one_connection_too_many_is_closed(self, gateway: Gateway) -> None:
        await gateway.json("GET", "/healthz")  # the session keeps this connection
        assert await raw(gateway, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") == b""
        await gateway.json("GET", "/healthz")


class TestConnectionsOfAnAddress:
    @pytest.fixture
    def gateway_settings(self) -> Mapping[str, str]:
        return {"EXPORTD_GATEWAY_MAX_CONNECTIONS_OF_ADDRESS": "2"}

    async def test_one_too_many_is_closed_and_others_are_served(self, gateway: Gateway) -> None:
        host, _, port = gateway.url.removeprefix("http://").rpartition(":")
        request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

        async def answer(source: str) -> bytes:
            reader, writer = await asyncio.open_connection(host, int(port), local_addr=(source, 0))
            writer.write(request)
            async with asyncio.timeout(PATIENCE_S):
                try:
                    return await reader.read(12)
                except ConnectionError:
                    return b""
                finally:
                    writer.close()

        await gateway.json("GET", "/healthz")  # the session keeps this connection
        with socket.create_connection((host, int(port))) as held:
            held.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await asyncio.to_thread(held.recv, 12)) == b"HTTP/1.1 200"
            assert [await answer(source) for source in ("127.0.0.1", "127.0.0.2")] == [b"", b"HTTP/1.1 200"]
        async with asyncio.timeout(PATIENCE_S):
            while await answer("127.0.0.1") == b"":
                await asyncio.sleep(0.01)  # until the gateway has seen the end of the connection
        await gateway.json("GET", "/healthz")


@pytest.mark.parametrize(
    ("peer", "holder"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3::4", 1, 0, 0), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::", 1, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%lo", 1, 0, 1), "fe80::/64"),
        ("/a/socket", ""),
        (None, ""),
    ],
)
async def test_a_holder_is_an_address_or_the_network_of_one(peer: object, holder: str) -> None:
    assert holder_of(asyncio.BaseTransport({"peername": peer})) == holder


async def test_a_caller_that_does_not_read_is_cut_off(
    api: Api, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.http.stalled_readers.STALLED_S", 0.3)
    async with opened(api.target) as gateway:
        built = await gateway.create()
        await worker.build(bytes(48 << 20))
        host, _, port = gateway.url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port))) as caller:
            caller.sendall(f"GET {LIST}/{built['id']}/content HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            value, labels = api.parts.metrics.registry.get_sample_value, {"method": "DownloadFile", "code": "CANCELLED"}
            await until(lambda: value("exportd_calls_total", labels) == 1)


async def test_a_drain_ends_streams_and_lets_downloads_end(api: Api, worker: Worker) -> None:
    content = bytes(24 << 20)
    async with opened(api.target) as gateway:
        built, waiting = await gateway.create(priority=9), await gateway.create()
        await worker.build(content)
        download = await gateway.session.get(f"{gateway.url}{LIST}/{built['id']}/content")
        watch = await gateway.session.get(f"{gateway.url}{LIST}/{waiting['id']}:watch")
        assert (await watch.content.readuntil(b"\n\n")).startswith(b"id: ")
        gateway.stop.drain.set()
        assert b"problem" not in await watch.content.read()
        assert await download.read() == content


async def test_a_second_signal_cuts_off_what_is_left(api: Api, worker: Worker) -> None:
    async with opened(api.target) as gateway:
        built = await gateway.create()
        await worker.build(bytes(48 << 20))
        download = await gateway.session.get(f"{gateway.url}{LIST}/{built['id']}/content")
        gateway.stop.drain.set()
        gateway.stop.now.set()
        with pytest.raises(aiohttp.ClientPayloadError):
            await download.read()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"EXPORTD_GATEWAY_LISTEN": "0.0.0.0:8080"}, "EXPORTD_GATEWAY_LISTEN"),
        ({"EXPORTD_TARGET": "api.example:50051"}, "EXPORTD_TARGET"),
        ({"EXPORTD_TARGET": "10.0.0.1,example"}, "EXPORTD_TARGET"),
        ({"EXPORTD_TARGET": "10.0.0.1,10.0.0.2", "EXPORTD_TLS_AUTHORITY": "system"}, "EXPORTD_TLS_SERVER_NAME"),
        ({"EXPORTD_TLS_SERVER_NAME": "exportd.internal"}, "EXPORTD_TLS_AUTHORITY"),
        ({"EXPORTD_GATEWAY_TLS_KEY": "key.pem"}, "EXPORTD_GATEWAY_TLS_KEY"),
        ({"EXPORTD_TLS_CLIENT_KEY": "k", "EXPORTD_TLS_CLIENT_CERTIFICATE": "c"}, "EXPORTD_TLS_AUTHORITY"),
    ],
)
def test_settings_that_would_open_the_api_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        from_env(settings)


async def test_every_answer_says_that_it_is_no_page(gateway: Gateway) -> None:
    for path in (LIST, "/v1/nothing", "/healthz"):
        async with gateway.session.get(f"{gateway.url}{path}") as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Server"] == "exportd"
