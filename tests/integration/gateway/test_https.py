"""HTTPS on the gateway's port, and TLS to the api."""

import asyncio
import io
import ssl
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from services.api.commands import dev_certificates
from services.api.settings import ApiSettings
from services.gateway import app
from services.gateway.settings import from_env
from services.runtime.signals import StopSignals
from services.runtime.startup import CannotStart
from services.tls.files import TlsFiles
from tests.integration.api.conftest import Api, serving
from tests.integration.gateway.conftest import Gateway, opened
from tests.patience import PATIENCE_S
from tests.tiers import deep


def made(folder: Path) -> Path:
    assert dev_certificates.run([str(folder)], {}, io.StringIO(), io.StringIO()) == 0
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return made(tmp_path / "tls")


def https(files: Path, **more: str) -> dict[str, str]:
    return {
        "EXPORTD_GATEWAY_TLS_CERTIFICATE": str(files / "api.pem"),
        "EXPORTD_GATEWAY_TLS_KEY": str(files / "api.key"),
    } | more


def trusting(files: Path, identity: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files / "authority.pem"))
    if identity:
        context.load_cert_chain(files / f"{identity}.pem", files / f"{identity}.key")
    return context


async def answers(gateway: Gateway, context: ssl.SSLContext) -> bool:
    """Whether a new connection comes through."""
    url = gateway.url.replace("http://127.0.0.1", "https://localhost")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        try:
            async with session.get(f"{url}/healthz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


async def test_a_certificate_that_is_replaced_is_shown_from_the_next_connection_on(
    api: Api, files: Path, tmp_path: Path
) -> None:
    new = made(tmp_path / "new")
    old_authority = trusting(files)
    async with opened(api.target, **https(files)) as gateway:
        assert await answers(gateway, old_authority)
        assert not await answers(gateway, trusting(new))
        (files / "api.pem").write_text("no certificate")
        assert await answers(gateway, old_authority)  # what cannot be used is passed over
        for name in ("api.key", "api.pem"):
            (new / name).replace(files / name)
        assert await answers(gateway, trusting(new))
        assert not await answers(gateway, old_authority)


async def test_callers_show_a_certificate_where_an_authority_is_set(api: Api, files: Path, tmp_path: Path) -> None:
    authority = {"EXPORTD_GATEWAY_TLS_CLIENT_AUTHORITY": str(files / "authority.pem")}
    async with opened(api.target, **https(files, **authority)) as gateway:
        assert await answers(gateway, trusting(files, "worker"))
        assert not await answers(gateway, trusting(files))


@deep
async def test_a_handshake_counts_as_a_connection_until_it_ends(api: Api, files: Path) -> None:
    context = trusting(files)
    async with opened(api.target, **https(files, EXPORTD_GATEWAY_MAX_CONNECTIONS="1")) as gateway:
        host, _, port = gateway.url.removeprefix("http://").rpartition(":")
        _, silent = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(PATIENCE_S):
            while await answers(gateway, context):  # until the gateway has taken the silent connection
                await asyncio.sleep(0.01)
        silent.close()
        async with asyncio.timeout(PATIENCE_S):
            while not await answers(gateway, context):
                await asyncio.sleep(0.01)
        _, mistaken = await asyncio.open_connection(host, int(port))
        mistaken.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            while not await answers(gateway, context):  # a handshake that failed does not count any more
                await asyncio.sleep(0.01)
        mistaken.close()


@pytest.mark.parametrize("broken", ["api.pem", "api.key"])
async def test_files_that_are_none_are_told_before_anything_is_served(files: Path, broken: str) -> None:
    (files / broken).write_text("no certificate")
    settings = from_env({"EXPORTD_GATEWAY_METRICS": "off", **https(files)})
    with pytest.raises(CannotStart, match="EXPORTD_GATEWAY_TLS_CERTIFICATE"):
        await app.run(settings, StopSignals(), lambda _: None)


@pytest.fixture
def of_api(settings: ApiSettings, files: Path) -> ApiSettings:
    return replace(settings, tls=TlsFiles(files / "api.pem", files / "api.key"))


async def test_the_api_is_called_by_tls(of_api: ApiSettings, files: Path) -> None:
    authority = {"EXPORTD_TLS_AUTHORITY": str(files / "authority.pem")}
    async with serving(of_api) as api:
        target = api.target.replace("127.0.0.1", "localhost")
        async with opened(target, **authority) as gateway:
            assert (await gateway.json("GET", "/v1/exports"))["exports"] == []
    settings = from_env({"EXPORTD_GATEWAY_METRICS": "off", "EXPORTD_TLS_AUTHORITY": "none.pem"})
    with pytest.raises(CannotStart, match="EXPORTD_TLS_AUTHORITY"):
        await app.run(settings, StopSignals(), lambda _: None)
