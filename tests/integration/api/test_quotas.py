"""Quotas of tenants, at the front door."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from exportd.v1 import export_pb2, operator_service_pb2
from exportd.v1 import export_service_pb2 as pb2
from services.api.domain.keys import Scope
from services.api.settings import ApiSettings
from services.api.usecases.keys import Keys
from services.api.world import World
from tests.integration.api.conftest import Api, Clock, Worker, serving
from tests.integration.api.refusals import refused
from tests.integration.api.test_exportctl_operating import exportctl
from tests.integration.api.test_keys import keys, of_tenant

__all__ = ["keys"]
TENANTS = """
[default]
max_waiting = 2
[tenants.kept]
max_kept_bytes = 10
[tenants.fast]
max_waiting = 0
creates_a_minute = 2
[tenants.curious]
previews_a_minute = 1
[tenants.told]
notifications_a_day = 1
mail_domains = ["acme.example"]
callback_domains = ["hooks.acme.example"]
"""
CREATE = pb2.CreateExportRequest(uri="/shops/7/orders", format=export_pb2.FORMAT_CSV)


@pytest.fixture
async def api(settings: ApiSettings, clock: Clock, tmp_path: Path) -> AsyncIterator[Api]:
    (tmp_path / "tenants.toml").write_text(TENANTS)
    settings = replace(settings, tenants=tmp_path / "tenants.toml")
    async with serving(settings, World(clock=clock, monotonic=clock.monotonic)) as served:
        yield served


def of(tenant: str) -> list[tuple[str, str]]:
    return [("x-exportd-tenant", tenant)]


async def test_a_refusal_names_quota_figure_limit_and_when_to_come_again(api: Api) -> None:
    for _ in range(2):
        await api.exports.CreateExport(CREATE, metadata=of("acme"))
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await api.exports.CreateExport(CREATE, metadata=of("acme"))
    status = rpc_status.from_call(failed.value)
    assert status is not None
    kinds = (error_details_pb2.ErrorInfo(), error_details_pb2.QuotaFailure(), error_details_pb2.RetryInfo())
    info, failure, retry = kinds
    assert [any(detail.Unpack(kind) for detail in status.details) for kind in kinds] == [True] * 3
    assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (info.reason, dict(info.metadata)) == (
        "QUOTA_EXCEEDED",
        {"quota": "waiting", "used": "2", "limit": "2", "wait_s": "5"},
    )
    assert (failure.violations[0].subject, retry.retry_delay.seconds) == ("waiting", 5)
    await api.exports.CreateExport(CREATE, metadata=of("other"))


async def test_creates_of_a_minute_are_limited_and_validation_is_not(api: Api, clock: Clock) -> None:
    clock.now = clock.now.replace(second=1)
    for _ in range(2):
        await api.exports.CreateExport(CREATE, metadata=of("fast"))
    refusal = await refused(api.exports.CreateExport(CREATE, metadata=of("fast")))
    assert (refusal.reason, refusal.metadata["quota"]) == ("QUOTA_EXCEEDED", "creates_a_minute")
    clock.now += timedelta(seconds=int(refusal.metadata["wait_s"]))
    await api.exports.CreateExport(CREATE, metadata=of("fast"))


async def test_kept_bytes_stop_creates_until_files_are_deleted(api: Api, clock: Clock) -> None:
    export = await api.exports.CreateExport(CREATE, metadata=of("kept"))
    await Worker(api).build(b"id,issuedAt\n")
    clock.now += timedelta(seconds=6)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await api.exports.CreateExport(CREATE, metadata=of("kept"))
    trailing = dict(failed.value.trailing_metadata() or ())
    assert (failed.value.code().name, trailing["grpc-retry-pushback-ms"]) == ("RESOURCE_EXHAUSTED", "-1")
    await api.exports.DeleteExport(pb2.DeleteExportRequest(export_id=export.id), metadata=of("kept"))
    clock.now += timedelta(seconds=6)
    await api.exports.CreateExport(CREATE, metadata=of("kept"))


async def test_previews_are_limited(api: Api) -> None:
    request = pb2.PreviewExportRequest(export=CREATE)
    waiting = asyncio.create_task(_answer(api.exports.PreviewExport(request, metadata=of("curious"))))
    await api.previews_in_line(1)
    refusal = await refused(api.exports.PreviewExport(request, metadata=of("curious")))
    assert (refusal.reason, refusal.metadata["quota"]) == ("QUOTA_EXCEEDED", "previews_a_minute")
    waiting.cancel()


async def _answer(call: grpc.aio.UnaryUnaryCall) -> object:
    return await call


async def test_callbacks_go_to_the_domains_of_the_tenant_only(api: Api) -> None:
    def wanted(url: str) -> pb2.CreateExportRequest:
        request = pb2.CreateExportRequest(callback_url=url)
        request.MergeFrom(CREATE)
        return request

    for url in ("https://evil.example/", "https://acme.example/", "https://xhooks.acme.example/", "https://["):
        refusal = await refused(api.exports.CreateExport(wanted(url), metadata=of("told")))
        assert list(refusal.violations) == ["callback_url"], url
    await api.exports.CreateExport(wanted("https://a.HOOKS.acme.example/x"), metadata=of("told"))
    refusal = await refused(api.exports.CreateExport(wanted("https://hooks.acme.example/x"), metadata=of("told")))
    assert (refusal.reason, refusal.metadata["quota"]) == ("QUOTA_EXCEEDED", "notifications_a_day")


async def test_usage_is_shown_to_its_tenant_and_to_operators_of_all(api: Api, keys: Keys) -> None:
    await api.exports.CreateExport(CREATE, metadata=of("acme"))
    own, other = await of_tenant(keys), await of_tenant(keys, "other")
    for metadata, tenant, waiting in ((own, "acme", 1), ([*other, *of("acme")], "other", 0)):
        shown = await api.exports.GetUsage(pb2.GetUsageRequest(), metadata=metadata)
        assert (shown.tenant, shown.quotas[0].used, shown.quotas[0].limit) == (tenant, waiting, 2)
    ask = operator_service_pb2.GetTenantUsageRequest(tenant="acme")
    one = await of_tenant(keys, "other", scopes=frozenset({Scope.OPERATE}))
    assert (await refused(api.operators.GetTenantUsage(ask, metadata=one))).reason == "SCOPE_MISSING"
    all_ = await of_tenant(keys, "other", scopes=frozenset({Scope.OPERATE}), all_tenants=True)
    assert (await api.operators.GetTenantUsage(ask, metadata=all_)).quotas[0].used == 1


async def test_exportctl_shows_usage(api: Api) -> None:
    await api.exports.CreateExport(CREATE, metadata=of("default"))
    code, out, _ = await exportctl(api, "usage")
    lines = [line.split("\t") for line in out.splitlines()]
    assert (code, lines[:3]) == (0, [["QUOTA", "USED", "LIMIT"], ["waiting", "1", "2"], ["running", "0", "any"]])
    _, out, _ = await exportctl(api, "usage", "--of", "fast", "--output", "json")
    assert [(each["quota"], each["limit"]) for each in json.loads(out)["quotas"]][3] == ("CREATES", "2")
