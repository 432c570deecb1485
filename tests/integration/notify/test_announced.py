"""A whole api that announces: from a create over gRPC to a receiver and a mailbox."""

import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from standardwebhooks.webhooks import Webhook

from exportd.v1 import export_pb2, export_service_pb2
from services.api.commands import callback_secret
from services.api.domain.leases import LeasePolicy
from services.api.settings import ApiSettings
from tests.integration.api.conftest import CATALOG, Api, Worker, serving
from tests.integration.notify.conftest import eventually
from tests.servers.smtp import MailServer
from tests.servers.webhook import Receiver


@pytest.fixture
def settings(tmp_path: Path, receiver: Receiver, mails: MailServer) -> ApiSettings:
    (tmp_path / "catalog.toml").write_text(CATALOG)
    environ = {
        "EXPORTD_CATALOG": str(tmp_path / "catalog.toml"),
        "EXPORTD_DATA_DIR": str(tmp_path / "data"),
        "EXPORTD_LISTEN": "127.0.0.1:0",
        "EXPORTD_QUEUE_LISTEN": "127.0.0.1:0",
        "EXPORTD_API_METRICS": "off",
        "EXPORTD_CALLBACK_ALLOW_HTTP": "yes",
        "EXPORTD_CALLBACK_PORTS": str(receiver.port),
        "EXPORTD_CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
        "EXPORTD_SMTP_HOST": "127.0.0.1",
        "EXPORTD_SMTP_PORT": str(mails.port),
        "EXPORTD_SMTP_TLS": "none",
        "EXPORTD_SMTP_FROM": "exports@example.org",
    }
    return replace(ApiSettings.from_env(environ), leases=LeasePolicy())


@pytest.fixture
async def api(settings: ApiSettings) -> AsyncIterator[Api]:
    async with serving(settings) as served:
        yield served


def shown_secret(settings: ApiSettings) -> str:
    """As its operator sees it."""
    environ = {"EXPORTD_CATALOG": str(settings.catalog), "EXPORTD_DATA_DIR": str(settings.data_dir)}
    out = io.StringIO()
    callback_secret.run([], environ, out, io.StringIO())
    return out.getvalue().strip()


async def told(api: Api, export_id: str) -> export_pb2.Result:
    return (await api.get(export_id)).result


async def test_a_completed_export_is_called_back_and_mailed_and_says_so(
    api: Api, settings: ApiSettings, receiver: Receiver, mails: MailServer
) -> None:
    export = await api.create(callback_url=receiver.url(), notify_email="anna@example.com")
    assert (await api.get(export.id)).callback_url == receiver.url()
    await Worker(api).build(b"1,2\n")
    await eventually(lambda: len(receiver.requests) == len(mails.mails) == 1)
    secret = shown_secret(settings)
    notice = Webhook(secret).verify(receiver.requests[0].body, dict(receiver.requests[0].headers))
    assert list(notice) == [
        *("idExportJob", "exportType", "success", "status", "errorMessages", "durationMs", "fileName", "fileSizeBytes")
    ]
    assert (notice["idExportJob"], notice["status"], notice["fileSizeBytes"]) == (export.id, "COMPLETED", 4)
    assert export.id in mails.mails[0].message.as_string()
    result = await told(api, export.id)
    while not (result.callback_sent and result.notify_email_sent):
        result = await told(api, export.id)


async def test_a_requested_cancel_is_announced_too(api: Api, receiver: Receiver) -> None:
    export = await api.create(callback_url=receiver.url())
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=export.id))
    await eventually(lambda: len(receiver.requests) == 1)
    notice = json.loads(receiver.requests[0].body)
    assert (notice["success"], notice["status"], notice["fileName"]) == (False, "CANCELLED", None)


async def test_what_could_not_be_announced_is_refused_when_it_is_created(api: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.create(callback_url="http://10.0.0.1:1/", notify_email="anna")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = refused.value.details() or ""
    assert "callback_url" in details
    assert "notify_email" in details
