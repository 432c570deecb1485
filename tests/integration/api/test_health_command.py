"""`exportd-api health`: what a container or a service manager learns of an api by it."""

import asyncio
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2_grpc

from services.api.commands import dev_certificates, health
from services.api.rpc.health_service import HealthServicer
from services.api.settings import ApiSettings
from services.runtime.startup import CannotStart
from services.tls.files import TlsFiles
from tests.integration.api.conftest import Api, serving


async def asked(target: str, environ: Mapping[str, str] | None = None, *arguments: str) -> tuple[int, str]:
    """The exit code and the output of the command for an api at this address."""
    out = io.StringIO()
    settings = {"EXPORTD_CATALOG": "catalog.toml", "EXPORTD_LISTEN": target} | dict(environ or {})
    return await asyncio.to_thread(health.run, arguments, settings, out), out.getvalue()


def made(folder: Path, *names: str) -> TlsFiles:
    dev_certificates.run([str(folder), *names], {}, io.StringIO(), io.StringIO())
    return TlsFiles(folder / "api.pem", folder / "api.key")


def environ_of(files: TlsFiles) -> dict[str, str]:
    return {"EXPORTD_TLS_CERTIFICATE": str(files.certificate), "EXPORTD_TLS_KEY": str(files.key)}


async def test_an_api_that_serves_is_healthy(api: Api) -> None:
    assert await asked(api.target) == (0, "SERVING\n")


async def test_an_api_that_drains_is_not() -> None:
    servicer, server = HealthServicer(("",)), grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    servicer.ready(ready=True)
    assert await asked(f"127.0.0.1:{port}") == (0, "SERVING\n")
    servicer.end()
    assert await asked(f"127.0.0.1:{port}") == (1, "NOT_SERVING\n")
    await server.stop(0)


async def test_an_api_that_is_gone_is_not(settings: ApiSettings) -> None:
    async with serving(settings) as api:
        pass
    assert await asked(api.target) == (1, "UNAVAILABLE\n")


@pytest.mark.parametrize("names", [(), ("api.internal",), ("10.0.0.1",)])
async def test_tls_is_spoken_with_the_settings_of_the_api(
    settings: ApiSettings, tmp_path: Path, names: tuple[str, ...]
) -> None:
    files = made(tmp_path / "tls", *names)
    async with serving(replace(settings, tls=files)) as api:
        assert await asked(api.target, environ_of(files)) == (0, "SERVING\n")


async def test_an_api_that_asks_callers_for_a_certificate_is_shown_one(settings: ApiSettings, tmp_path: Path) -> None:
    files = replace(made(tmp_path / "tls"), authority=tmp_path / "tls" / "authority.pem")
    shown = ("--certificate", str(tmp_path / "tls" / "worker.pem"), "--key", str(tmp_path / "tls" / "worker.key"))
    async with serving(replace(settings, tls=files)) as api:
        assert await asked(api.target, environ_of(files), *shown) == (0, "SERVING\n")
        assert await asked(api.target, environ_of(files)) == (1, "UNAVAILABLE\n")


async def test_certificates_that_cannot_be_used_are_named(api: Api, tmp_path: Path) -> None:
    (tmp_path / "api.pem").write_text("none")
    files = {"EXPORTD_TLS_CERTIFICATE": str(tmp_path / "api.pem"), "EXPORTD_TLS_KEY": str(tmp_path / "api.pem")}
    with pytest.raises(CannotStart, match="EXPORTD_TLS_CERTIFICATE"):
        await asked(api.target, files)
