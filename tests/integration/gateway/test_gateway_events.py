"""Events for a client of Syntage: from POST /exports to a receiver, with the documents that the gateway answers."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.api.notify.settings import NotifySettings
from services.api.settings import ApiSettings
from services.gateway.descriptions.documents import document
from services.runtime.settings import SettingsReader
from tests.integration.api.conftest import Api, Worker, until
from tests.integration.gateway.conftest import Gateway
from tests.integration.gateway.described import check_value
from tests.servers.webhook import Receiver, webhook_receiver

SYNTAGE = {"X-Exportd-Tenant": "acme"}
OTHER = {"X-Exportd-Tenant": "bolt"}
BODY = {"uri": "/shops/7/orders", "format": "csv"}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with webhook_receiver() as running:
        yield running


@pytest.fixture
def settings(settings: ApiSettings, tmp_path: Path, receiver: Receiver) -> ApiSettings:
    (tmp_path / "tenants.toml").write_text(
        f'[tenants.acme]\ncallback_format = "syntage"\ncallback_url = "{receiver.url()}"\n'
        f'[tenants.bolt]\ncallback_url = "{receiver.url("/bolt")}"\n'
        '[tenants.shut]\ncallback_url = "http://10.0.0.1/"\n'
    )
    environ = {
        "EXPORTD_CALLBACK_ALLOW_HTTP": "yes",
        "EXPORTD_CALLBACK_PORTS": f"80,{receiver.port}",
        "EXPORTD_CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    notify = NotifySettings.read(SettingsReader(environ))
    return replace(settings, notify=notify, tenants=tmp_path / "tenants.toml")


def event_in(body: bytes) -> dict[str, Any]:
    """As its document says."""
    webhook = document("syntage")["webhooks"]["event"]["post"]["requestBody"]
    event: dict[str, Any] = json.loads(body)
    check_value("syntage", webhook["content"]["application/json"]["schema"], event)
    return event


async def test_a_client_of_syntage_gets_the_documents_of_the_gateway_as_events(
    gateway: Gateway, worker: Worker, receiver: Receiver
) -> None:
    created = await gateway.json("POST", "/exports", 202, json=BODY, headers=SYNTAGE)
    await until(lambda: len(receiver.requests) == 1)
    await worker.build(b"1,2\n")
    await until(lambda: len(receiver.requests) == 4)
    events = [event_in(request.body) for request in receiver.requests]
    assert [event["type"] for event in events] == [
        "export.created",
        "export.updated",
        "file.created",
        "export.updated",
    ]
    assert events[0]["data"]["object"] == created
    for event in events[2:]:
        assert event["data"]["object"] == await gateway.json("GET", event["resource"], headers=SYNTAGE)
    assert events[3]["data"]["changes"] == {"status": {"old": "running", "new": "finished"}}
    deliveries = await gateway.json("GET", f"/v1/exports/{created['id']}/deliveries", headers=SYNTAGE)
    assert [each["event"] for each in deliveries["deliveries"]] == [event["type"] for event in events]


async def test_a_cancelled_export_has_failed(gateway: Gateway, receiver: Receiver) -> None:
    created = await gateway.json("POST", "/exports", 202, json=BODY, headers=SYNTAGE)
    await gateway.json("POST", f"/v1/exports/{created['id']}:cancel", json={}, headers=SYNTAGE)
    await until(lambda: len(receiver.requests) == 2)
    ended = event_in(receiver.requests[1].body)
    assert ended["data"]["changes"] == {"status": {"old": "pending", "new": "failed"}}


async def test_another_tenant_keeps_the_other_format(gateway: Gateway, worker: Worker, receiver: Receiver) -> None:
    await gateway.json("POST", "/exports", 202, json=BODY, headers=OTHER)
    await worker.build(b"1,2\n")
    await until(lambda: len(receiver.requests) == 1)
    (request,) = receiver.requests
    assert (request.path, [*json.loads(request.body)][:2]) == ("/bolt", ["idExportJob", "exportType"])


async def test_an_export_keeps_its_format_when_the_file_changes(
    gateway: Gateway, api: Api, worker: Worker, receiver: Receiver, settings: ApiSettings
) -> None:
    await gateway.json("POST", "/exports", 202, json=BODY, headers=SYNTAGE)
    assert settings.tenants is not None
    settings.tenants.write_text("")
    api.parts.tenants.reload()
    await worker.build(b"1,2\n")
    await until(lambda: len(receiver.requests) == 4)
    assert event_in(receiver.requests[3].body)["type"] == "export.updated"
    unannounced = await gateway.json("POST", "/v1/exports", json=NATIVE, headers=SYNTAGE)
    assert "callbackUrl" not in unannounced or not unannounced["callbackUrl"]


NATIVE: Mapping[str, str] = {"uri": "/shops/7/orders", "format": "FORMAT_CSV"}


async def test_a_request_may_name_a_url_of_its_own(gateway: Gateway, receiver: Receiver) -> None:
    await gateway.json("POST", "/v1/exports", json={**NATIVE, "callbackUrl": receiver.url("/own")}, headers=SYNTAGE)
    await until(lambda: len(receiver.requests) == 1)
    assert receiver.requests[0].path == "/own"


async def test_the_url_of_a_tenant_is_guarded_like_any_other(gateway: Gateway) -> None:
    refused = await gateway.json("POST", "/exports", 400, json=BODY, headers={"X-Exportd-Tenant": "shut"})
    assert [each["propertyPath"] for each in refused["violations"]] == ["callbackUrl"]
