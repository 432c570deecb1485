"""TLS on both ports: who is let in, and files that change while the api runs."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import grpc
import pytest

from exportd.queue.v1 import job_queue_service_pb2 as queue_pb2
from exportd.queue.v1.job_queue_service_pb2_grpc import JobQueueServiceStub
from exportd.v1 import export_service_pb2
from exportd.v1.export_service_pb2_grpc import ExportServiceStub
from services.api.commands import dev_certificates
from services.api.settings import ApiSettings
from services.runtime.startup import CannotStart
from services.tls.files import TlsFiles
from services.tls.server import ServerCertificates
from tests.integration.api.conftest import serving
from tests.integration.api.refusals import refused

LIST = export_service_pb2.ListExportsRequest()


class Files(NamedTuple):
    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    def of(self, name: str, authority: Path | None = None) -> TlsFiles:
        return TlsFiles(self.folder / f"{name}.pem", self.folder / f"{name}.key", authority)


def made(folder: Path) -> Files:
    assert dev_certificates.run([str(folder)], {}, io.StringIO(), io.StringIO()) == 0
    return Files(folder)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return made(tmp_path / "tls")


@pytest.fixture
def settings(settings: ApiSettings, files: Files) -> ApiSettings:
    names = (dev_certificates.WORKER_NAME,)
    return replace(settings, tls=files.of("api"), queue_tls=files.of("api", files.authority), worker_names=names)


@asynccontextmanager
async def channel(target: str, authority: Files, identity: TlsFiles | None = None) -> AsyncIterator[grpc.aio.Channel]:
    key, certificate, _ = identity.read() if identity else (None, None, None)
    credentials = grpc.ssl_channel_credentials(authority.authority.read_bytes(), key, certificate)
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(target.replace("127.0.0.1", "localhost"), credentials, options) as opened:
        yield opened


async def lists(target: str, authority: Files) -> str:
    """How a call of a caller ends who trusts this authority."""
    async with channel(target, authority) as opened:
        try:
            await ExportServiceStub(opened).ListExports(LIST)
        except grpc.aio.AioRpcError as error:
            return error.code().name
    return "OK"


def lease() -> queue_pb2.LeaseJobsRequest:
    return queue_pb2.LeaseJobsRequest(worker_id=str(uuid4()), poll_id=str(uuid4()), max_jobs=1)


async def test_callers_come_in_by_tls_and_in_no_other_way(settings: ApiSettings, files: Files, tmp_path: Path) -> None:
    async with serving(settings) as api:
        assert await lists(api.target, files) == "OK"
        assert await lists(api.target, made(tmp_path / "other")) == "UNAVAILABLE"
        with pytest.raises(grpc.aio.AioRpcError) as in_the_clear:
            await api.exports.ListExports(LIST)
        assert in_the_clear.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_workers_show_a_certificate_of_their_authority_with_an_allowed_name(
    settings: ApiSettings, files: Files, tmp_path: Path
) -> None:
    other = made(tmp_path / "other")
    async with serving(settings) as api:
        async with channel(api.queue_target, files, files.of("worker")) as opened:
            assert not (await JobQueueServiceStub(opened).LeaseJobs(lease())).jobs
        for identity in (None, other.of("worker"), files.of("api")):
            async with channel(api.queue_target, files, identity) as opened:
                with pytest.raises(grpc.aio.AioRpcError) as stranger:
                    await JobQueueServiceStub(opened).LeaseJobs(lease())
                assert stranger.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(("names", "reason"), [(("*.exportd",), ""), (("other.exportd", "worker"), "BAD_CREDENTIALS")])
async def test_the_name_in_a_certificate_is_one_of_those_that_are_allowed(
    settings: ApiSettings, files: Files, names: tuple[str, ...], reason: str
) -> None:
    async with (
        serving(replace(settings, worker_names=names)) as api,
        channel(api.queue_target, files, files.of("worker")) as opened,
    ):
        asked = JobQueueServiceStub(opened).LeaseJobs(lease())
        if reason:
            assert (await refused(asked)).reason == reason
        else:
            assert not (await asked).jobs


async def test_a_certificate_that_is_replaced_is_shown_from_the_next_connection_on(
    settings: ApiSettings, files: Files, tmp_path: Path
) -> None:
    new = made(tmp_path / "new")
    async with serving(settings) as api, channel(api.target, files) as open_before:
        await ExportServiceStub(open_before).ListExports(LIST)
        (files.folder / "api.pem").write_text("no certificate")
        assert await lists(api.target, files) == "OK"  # what cannot be used is passed over
        for name in ("api.key", "api.pem"):
            (new.folder / name).replace(files.folder / name)
        assert await lists(api.target, new) == "OK"
        assert await lists(api.target, files) == "UNAVAILABLE"
        await ExportServiceStub(open_before).ListExports(LIST)


@pytest.mark.parametrize("broken", ["api.pem", "api.key", "authority.pem"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_files_that_are_none_are_told_before_anything_is_served(files: Files, broken: str, content: str | None) -> None:
    path = files.folder / broken
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(CannotStart, match="EXPORTD_TLS_CERTIFICATE"):
        ServerCertificates(files.of("api", files.authority), "EXPORTD_TLS_CERTIFICATE")


def test_a_key_of_another_certificate_is_told(files: Files) -> None:
    (files.folder / "worker.key").replace(files.folder / "api.key")
    with pytest.raises(CannotStart, match="EXPORTD_TLS_CERTIFICATE"):
        ServerCertificates(files.of("api"), "EXPORTD_TLS_CERTIFICATE")
