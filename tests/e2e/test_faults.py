"""What dies, and when: nothing acknowledged is lost, nothing is built twice."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from exportd_client import Export, ExportClient
from tests.e2e.conftest import PATIENT, House
from tests.e2e.held import Held
from tests.patience import PATIENCE_S
from tests.tiers import deep


async def _until(client: ExportClient, export: Export, reached: Callable[[Export], bool]) -> Export:
    async with asyncio.timeout(PATIENCE_S):  # a net for what never comes
        async for seen in client.watch(export.id):
            export = seen
            if reached(seen):
                break
    return export


def _done(export: Export) -> bool:
    return export.done


def _writing(export: Export) -> bool:
    return export.progress.rows_written > 0


async def test_fault_04_a_killed_worker_costs_an_attempt_and_the_next_finishes(
    house: House, client: ExportClient, held: Held
) -> None:
    first = house.worker()
    export = await _until(client, await client.create("/held", format="xlsx"), _writing)
    first.kill()
    held.open()
    house.worker()
    export = await _until(client, export, _done)
    assert (export.state, export.attempt) == (Export.STATE_COMPLETED, 2)
    assert [error.code for error in export.result.errors] == ["LEASE_EXPIRED"]
    assert len(list(house.artifacts.glob(f"{export.id}/*/*"))) == 1


async def test_the_children_of_a_killed_worker_die_with_it(house: House, client: ExportClient) -> None:
    worker = house.worker()
    await _until(client, await client.create("/numbers", format="xlsx"), _writing)
    children = psutil.Process(worker.pid).children(recursive=True)
    assert children
    worker.kill()
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert alive == []


async def test_a_killed_api_has_what_it_acknowledged(house: House) -> None:
    api = house.api()
    async with ExportClient(house.target) as client:
        made = [(await client.create("/airports", format="csv")).id for _ in range(20)]
        api.kill()
        house.api()
        listed = [export.id async for export in client.list()]
    assert sorted(listed) == sorted(made)


@deep
async def test_a_job_survives_a_killed_api_without_costing_an_attempt(house: House, held: Held) -> None:
    api = house.api(**PATIENT)
    house.worker()
    async with ExportClient(house.target) as client:
        export = await _until(client, await client.create("/held", format="xlsx"), _writing)
        api.kill()
        house.api(**PATIENT)
        held.open()
        export = await _until(client, export, _done)
    assert (export.state, export.attempt) == (Export.STATE_COMPLETED, 1)


@deep
async def test_fault_18_a_worker_stays_when_the_api_is_stopped_and_started_again(house: House, held: Held) -> None:
    api = house.api(**PATIENT)
    house.worker()
    async with ExportClient(house.target) as client:
        export = await _until(client, await client.create("/held", format="xlsx"), _writing)
        assert api.terminate() == 0
        house.api(**PATIENT)
        held.open()
        export = await _until(client, export, _done)
        assert (export.state, export.attempt) == (Export.STATE_COMPLETED, 1)
        after = await _until(client, await client.create("/airports", format="csv"), _done)
        assert after.state == Export.STATE_COMPLETED


async def test_a_cancelled_job_stops_at_once_and_leaves_no_bytes(house: House, client: ExportClient) -> None:
    worker = house.worker()
    export = await _until(client, await client.create("/numbers", format="xlsx"), _writing)
    assert any(_spooled(house.artifacts))
    cancelled = await client.cancel(export.id)
    assert cancelled.state == Export.STATE_CANCELLED
    deadline = time.monotonic() + PATIENCE_S  # make chaos-measure says how long it takes
    while any(_spooled(house.artifacts)) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)  # how often the disk is looked at
    assert not any(_spooled(house.artifacts))
    assert not (house.artifacts / export.id).exists()
    after = await _until(client, await client.create("/airports", format="csv"), _done)
    assert after.state == Export.STATE_COMPLETED
    assert worker.terminate() == 0


def _spooled(artifacts: Path) -> list[Path]:
    """Unlike glob, os.walk skips a folder that a worker removes meanwhile."""
    found = [Path(folder, name) for folder, _, names in os.walk(artifacts / ".spool") for name in names]
    return [path for path in found if path.name != "lock" and not path.name.startswith(".")]


async def test_fault_17_a_draining_worker_gives_its_job_back_without_an_attempt(
    house: House, client: ExportClient, held: Held
) -> None:
    worker = house.worker(EXPORTD_DRAIN_GRACE_S="0.2")
    export = await _until(client, await client.create("/held", format="xlsx"), _writing)
    assert worker.terminate() == 0
    shown = await client.get(export.id)
    assert (shown.state, shown.attempt) == (Export.STATE_QUEUED, 0)


@deep
async def test_fault_17_a_draining_worker_finishes_what_is_short(
    house: House, client: ExportClient, held: Held
) -> None:
    worker = house.worker()
    export = await _until(client, await client.create("/held", format="xlsx"), _writing)
    ending = asyncio.create_task(asyncio.to_thread(worker.terminate))
    while '"draining"' not in worker.log.read_text():
        await asyncio.sleep(0.02)  # how often the log is looked at
    held.open()
    assert await ending == 0
    assert (await client.get(export.id)).state == Export.STATE_COMPLETED


@deep
async def test_a_worker_of_another_store_builds_nothing_and_says_how_to_mend_it(
    house: House, client: ExportClient, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".exportd-store").write_text("11111111-1111-4111-8111-111111111111\n")
    export = await client.create("/airports", format="csv")
    stranger = house.worker(EXPORTD_ARTIFACTS=str(elsewhere))
    deadline = time.monotonic() + PATIENCE_S
    while "EXPORTD_ARTIFACTS" not in stranger.log.read_text() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)  # how often the log is looked at
    assert "EXPORTD_ARTIFACTS" in stranger.log.read_text()
    stranger.terminate()
    house.worker()
    export = await _until(client, export, _done)
    assert (export.state, export.attempt) == (Export.STATE_COMPLETED, 1)


@deep
async def test_ctrl_c_leaves_the_export_running_and_prints_its_id(
    house: House, client: ExportClient, held: Held
) -> None:
    house.worker()
    command = [Path(sys.executable).with_name("exportctl"), "--target", house.target]
    command += ["create", "/held", "--format", "xlsx", "--wait"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as waiting:
        while not (listed := [export async for export in client.list()]):
            await asyncio.sleep(0.02)  # until its create has arrived
        await _until(client, listed[0], _writing)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=PATIENCE_S)
    assert listed[0].id in out + err
    assert waiting.returncode == 130
    held.open()
    assert (await _until(client, listed[0], _done)).state == Export.STATE_COMPLETED
