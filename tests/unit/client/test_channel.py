"""Where a service is, how the line to it is encrypted, and what proves who calls."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
import pytest

from exportd.v1 import export_service_pb2
from exportd_client import (
    AccessRefused,
    DeadlineExceeded,
    ExportClient,
    Patience,
    SyncExportClient,
    Target,
    Tls,
    Unreachable,
)
from exportd_client.channel import address, endpoint
from tests.docs.proto_comments import PROTO
from tests.servers.certificates import certified
from tests.unit.client.fake_export_service import SHUTTING_DOWN, FakeExportService, Refusal, Serving, eventually
from tests.unit.client.threaded import Threaded

HASTY = Patience(first_contact=0, outage=0)
HASTY_BUT_KNOWING = Patience(shortest=0.01)
EXPIRED = Refusal("UNAUTHENTICATED", "TOKEN_EXPIRED")
KEY = "exd_0123456789"
MAX_S = 3700
"""Of any call; on its way a deadline is rounded up."""

ONCE = {"PreviewExport", "RetryExport", "CreateKey", "RotateKey", "CreateDownloadLink"}
"""What is not safe to repeat, or too dear."""


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("127.0.0.1", "127.0.0.1:50051"),
        (["exportd.internal"], "exportd.internal:50051"),
        ("dns:///exportd.internal", "dns:///exportd.internal:50051"),
        ("dns:///exportd.internal:7000", "dns:///exportd.internal:7000"),
        ("unix:/run/exportd", "unix:/run/exportd"),
        ("xds:///exportd", "xds:///exportd"),
        ("10.0.0.1,10.0.0.2:7000", "ipv4:10.0.0.1:50051,10.0.0.2:7000"),
        (("::1", "[::2]:7000"), "ipv6:[::1]:50051,[::2]:7000"),
        ("ipv4:10.0.0.1:7000,10.0.0.2:7000", "ipv4:10.0.0.1:7000,10.0.0.2:7000"),
    ],
)
def test_a_target_is_an_address_or_several(target: Target, expected: str) -> None:
    assert address(target) == expected


@pytest.mark.parametrize("target", ["10.0.0.1,exportd.internal", "10.0.0.1,::1", []])
def test_targets_that_grpc_cannot_take_together_are_refused(target: Target) -> None:
    with pytest.raises(ValueError, match="several targets"):
        address(target)


@pytest.mark.parametrize("target", ["10.0.0.1,10.0.0.2", ["::1", "::2"], "ipv4:10.0.0.1:7000"])
def test_several_targets_with_tls_need_the_name_that_their_certificates_have(target: Target) -> None:
    """gRPC verifies the certificates of a list of addresses against the list itself."""
    with pytest.raises(ValueError, match="EXPORTD_TLS_SERVER_NAME"):
        ExportClient(target, tls=True)
    endpoint(target, None, Tls(server_name="exportd.internal"))


@pytest.mark.parametrize("target", ["10.0.0.1", "exportd.internal", "dns:///exportd.internal", "127.0.0.1,10.0.0.1"])
def test_a_key_is_never_sent_where_others_can_read_it(target: str) -> None:
    with pytest.raises(ValueError, match="over TLS only"):
        ExportClient(target, api_key=KEY)


@pytest.mark.parametrize(
    "target", ["127.0.0.1", "localhost:7000", "[::1]:7000", "unix:/run/exportd", "dns:///localhost"]
)
def test_on_the_same_machine_a_key_needs_no_tls(target: str) -> None:
    assert endpoint(target, None, False, KEY).metadata("mine", KEY) == (
        ("authorization", f"Bearer {KEY}"),
        ("x-request-id", "mine"),
    )


@pytest.mark.parametrize("wrong", [{"tenant": "naïve"}, {"api_key": "a\nb"}])
def test_what_no_header_holds_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        ExportClient(**wrong)


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(ValueError, match="needs its key"):
        Tls(certificate=b"PEM").credentials()


def test_the_key_is_not_in_what_is_printed() -> None:
    assert KEY not in repr(endpoint("127.0.0.1", None, False, KEY))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the certificates of a server and of another one that has nothing to do with it."""
    folder = tmp_path_factory.mktemp("certificates")
    for host in ("localhost", "other"):
        certified(folder, host)
    return folder


def _pair(folder: Path, host: str) -> tuple[bytes, bytes]:
    pem = (folder / f"{host}.pem").read_bytes()
    return pem, pem


async def _serving(credentials: grpc.ServerCredentials) -> AsyncIterator[Serving]:
    serving = Serving(FakeExportService(), credentials)
    await serving.start()
    yield serving
    await serving.stop()


@pytest.fixture
async def encrypted(folder: Path) -> AsyncIterator[Serving]:
    async for serving in _serving(grpc.ssl_server_credentials([_pair(folder, "localhost")])):
        yield serving


@pytest.fixture
async def mutual(folder: Path) -> AsyncIterator[Serving]:
    """Which lets in only who shows the certificate of "other"."""
    known = (folder / "other.ca.pem").read_bytes()
    async for serving in _serving(grpc.ssl_server_credentials([_pair(folder, "localhost")], known, True)):
        yield serving


async def test_a_client_that_trusts_the_authority_is_served(encrypted: Serving, folder: Path) -> None:
    tls = Tls(ca=folder / "localhost.ca.pem")
    async with ExportClient(f"localhost:{encrypted.port}", tls=tls, api_key=KEY) as client:
        await client.create("/invoices")
    [(_, metadata, _)] = encrypted.fake.calls
    assert metadata["authorization"] == f"Bearer {KEY}"
    assert "x-exportd-tenant" not in metadata


@pytest.mark.parametrize("tls", [False, True, "other.ca.pem"])
async def test_others_are_not(encrypted: Serving, folder: Path, tls: bool | str) -> None:
    how = Tls(ca=folder / tls) if isinstance(tls, str) else tls
    async with ExportClient(f"localhost:{encrypted.port}", tls=how, patience=HASTY) as client:
        with pytest.raises(Unreachable):
            await client.create("/invoices")
    assert encrypted.fake.calls == []


async def test_the_name_in_the_certificate_counts(encrypted: Serving, folder: Path) -> None:
    ca = (folder / "localhost.ca.pem").read_bytes()
    async with ExportClient(encrypted.target, tls=Tls(ca=ca), patience=HASTY) as client:
        with pytest.raises(Unreachable):
            await client.create("/invoices")
    async with ExportClient(encrypted.target, tls=Tls(ca=ca, server_name="localhost")) as client:
        await client.create("/invoices")


async def test_several_addresses_share_a_name(encrypted: Serving, folder: Path) -> None:
    tls = Tls(ca=folder / "localhost.ca.pem", server_name="localhost")
    async with ExportClient(["127.0.0.1:1", encrypted.target], tls=tls, api_key=KEY) as client:
        await client.create("/invoices")


async def test_a_server_that_asks_for_a_certificate_gets_it(mutual: Serving, folder: Path) -> None:
    ca, own = folder / "localhost.ca.pem", folder / "other.pem"
    async with ExportClient(f"localhost:{mutual.port}", tls=Tls(ca=ca), patience=HASTY) as client:
        with pytest.raises(Unreachable):
            await client.create("/invoices")
    async with ExportClient(f"localhost:{mutual.port}", tls=Tls(ca=ca, certificate=own, key=own)) as client:
        await client.create("/invoices")


async def test_a_key_is_asked_for_before_each_call(serving: Serving) -> None:
    keys = iter(["old", "new"])
    async with ExportClient(serving.target, "acme", api_key=lambda: next(keys)) as client:
        await client.create("/invoices")
        await client.create("/invoices")
    assert [metadata["authorization"] for _, metadata, _ in serving.fake.calls] == ["Bearer old", "Bearer new"]
    assert serving.fake.tenants == {"acme"}


async def _second_of(tokens: Iterator[str]) -> str:
    next(tokens)
    return next(tokens)


async def test_a_token_may_come_from_a_coroutine_function(serving: Serving) -> None:
    tokens = iter(["a.1.x", "a.2.x", "a.3.x", "a.4.x"])
    async with ExportClient(serving.target, token=lambda: _second_of(tokens)) as client:
        await client.create("/invoices")
        await client.create("/invoices")
    assert [metadata["authorization"] for _, metadata, _ in serving.fake.calls] == ["Bearer a.2.x", "Bearer a.4.x"]
    assert all("x-exportd-tenant" not in metadata for _, metadata, _ in serving.fake.calls)


def test_a_coroutine_function_is_refused_by_the_client_for_threads() -> None:
    async def token() -> str:
        return "a.b.c"

    coroutine = token()
    with SyncExportClient("127.0.0.1:1", token=lambda: coroutine) as client, pytest.raises(TypeError, match="a text"):
        client.create("/invoices")
    coroutine.close()


def test_a_key_and_a_token_are_refused_together() -> None:
    with pytest.raises(ValueError, match="give one of them"):
        ExportClient("127.0.0.1", api_key=KEY, token="a.b.c")


@pytest.mark.parametrize("kind", ["asyncio", "threads"])
async def test_after_its_token_has_expired_a_call_is_made_once_more_with_the_next(serving: Serving, kind: str) -> None:
    fake, tokens = serving.fake, iter(["old.a.b", "new.a.b", "1.a.b", "2.a.b", "3.a.b"])
    options: dict[str, Any] = {"token": lambda: next(tokens), "patience": HASTY_BUT_KNOWING}
    async with AsyncExitStack() as stack:
        if kind == "threads":
            client: Any = Threaded(stack.enter_context(SyncExportClient(serving.target, **options)))
        else:
            client = await stack.enter_async_context(ExportClient(serving.target, **options))
        await _expires(client, fake)
    assert next(tokens) == "3.a.b"


async def _expires(client: Any, fake: FakeExportService) -> None:
    fake.refusals = {"CreateExport": [EXPIRED]}
    await client.create("/invoices")
    assert [metadata["authorization"] for _, metadata, _ in fake.calls] == ["Bearer old.a.b", "Bearer new.a.b"]
    fake.refusals = {"CreateExport": [EXPIRED, EXPIRED, EXPIRED]}
    with pytest.raises(AccessRefused):
        await client.create("/invoices")


async def test_a_token_that_cannot_be_renewed_is_sent_once(serving: Serving) -> None:
    serving.fake.refusals = {"CreateExport": [EXPIRED]}
    async with ExportClient(serving.target, token="a.b.c") as client:
        with pytest.raises(AccessRefused) as refused:
            await client.create("/invoices")
    assert refused.value.reason == "TOKEN_EXPIRED"
    assert len(serving.fake.calls) == 1


async def test_several_addresses_share_the_calls_and_stand_in_for_each_other(serving: Serving) -> None:
    other = Serving(FakeExportService())
    await other.start()
    async with ExportClient([serving.target, other.target]) as client:
        while not (serving.fake.calls and other.fake.calls):
            await client.create("/invoices")
        await other.stop()
        for _ in range(10):
            await client.create("/invoices")


async def test_a_service_that_says_it_cannot_now_is_asked_again_by_the_channel_itself(serving: Serving) -> None:
    """But for calls that are not safe to repeat."""
    fake = serving.fake
    fake.refusals = {"CreateExport": [SHUTTING_DOWN] * 2, "PreviewExport": [SHUTTING_DOWN] * 2}
    async with ExportClient(serving.target, patience=HASTY) as client:
        await client.create("/invoices")
        with pytest.raises(Exception, match="refused"):
            await client.preview("/invoices")
    assert [name for name, _, _ in fake.calls] == ["CreateExport"] * 3 + ["PreviewExport"]


def test_the_service_config_names_every_method_that_is_safe_to_repeat() -> None:
    config = json.loads(dict(endpoint("127.0.0.1", None, False, "").options())["grpc.service_config"])
    named = {(each["service"], each["method"]) for entry in config["methodConfig"] for each in entry["name"]}
    modules = [import_module(f"exportd.v1.{path.stem}_pb2") for path in (PROTO / "exportd/v1").glob("*_service.proto")]
    services = [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]
    assert len(services) >= 3
    every = {(str(service.full_name), method.name) for service in services for method in service.methods}
    assert {method for _, method in every - named} == ONCE
    assert named <= every


async def test_every_call_has_a_deadline(client: ExportClient | Threaded, serving: Serving, tmp_path: Path) -> None:
    fake = serving.fake
    export = fake.with_file(b"content")
    await client.create("/invoices")
    await client.get(export.id)
    assert [each.id async for each in client.list()]
    assert (await client.wait(export.id)).done
    await client.download(export, tmp_path / "file")
    await client.get_file(export.file.id)
    fake.urls = ["http://127.0.0.1:9/"]
    await client.download_url(export.file)
    await client.preview("/invoices")
    await client.transitions(export.id)
    await client.deliveries(export.id)
    await client.collections()
    await client.collection("Invoices")
    await client.find_ids("export-1")
    await client.usage()
    await client.cancel(export.id)
    await client.delete(export.id)
    methods = {method.name for method in export_service_pb2.DESCRIPTOR.services_by_name["ExportService"].methods}
    assert {name for name, _, _ in fake.calls} == methods
    assert [name for name, _, left in fake.calls if left is None or left > MAX_S] == []


async def test_whoever_waits_may_say_how_long(client: ExportClient | Threaded, serving: Serving) -> None:
    export = await client.create("/invoices")
    with pytest.raises(DeadlineExceeded, match="not done within 0"):
        await client.wait(export.id, timeout=0.2)  # it never is
    await eventually(lambda: serving.fake.watchers == 0)
    with pytest.raises(DeadlineExceeded):
        await client.wait(export.id, timeout=0)  # as above
