"""Figures of an api, as Prometheus sees them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from exportd.v1 import export_service_pb2
from services.api.settings import ApiSettings
from tests.integration.api.conftest import Api, Worker, serving


@pytest.fixture
async def other(settings: ApiSettings, tmp_path: Path) -> AsyncIterator[Api]:
    """A second api in the same process."""
    elsewhere = replace(settings, data_dir=tmp_path / "other", artifacts=tmp_path / "other-artifacts")
    async with serving(elsewhere) as served:
        yield served


def figure(api: Api, name: str, **labels: str) -> float | None:
    return api.parts.metrics.registry.get_sample_value(name, labels)


async def test_two_apis_in_one_process_count_each_for_itself(api: Api, other: Api, worker: Worker) -> None:
    await api.create()
    await worker.build(b"id\r\n1\r\n2\r\n")
    assert (figure(api, "exportd_rows_total"), figure(other, "exportd_rows_total")) == (2, 0)
    created = {"method": "CreateExport", "code": "OK"}
    assert figure(api, "exportd_calls_total", **created) == 1
    assert figure(other, "exportd_calls_total", **created) is None


async def test_who_waits_is_shown_while_it_waits(api: Api, worker: Worker) -> None:
    assert (figure(api, "exportd_polls_waiting"), figure(api, "exportd_previews_waiting")) == (0, 0)
    polling = asyncio.create_task(worker.lease(wait_s=20))
    await api.polls_in_line(1)
    request = export_service_pb2.PreviewExportRequest(
        export=export_service_pb2.CreateExportRequest(uri="/shops/7/orders")
    )
    previewing = asyncio.ensure_future(api.exports.PreviewExport(request))
    await api.previews_in_line(1)
    assert (figure(api, "exportd_polls_waiting"), figure(api, "exportd_previews_waiting")) == (1, 1)
    for call in (polling, previewing):
        call.cancel()
    await api.polls_in_line(0)
    await api.previews_in_line(0)
    assert (figure(api, "exportd_polls_waiting"), figure(api, "exportd_previews_waiting")) == (0, 0)
