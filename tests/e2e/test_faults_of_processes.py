"""Processes that are stopped, killed again and again, or told to end while everything is open.

How much slower work gets while one of two workers is killed is measured by `make chaos`.
"""

import asyncio
import hashlib
import os
import signal

import psutil

from demo.processes import ServiceProcess
from exportd_client import Export, ExportClient
from tests.e2e.conftest import PATIENT, House
from tests.e2e.held import Held
from tests.e2e.test_faults import _done, _until, _writing
from tests.tiers import deep


async def test_fault_05_one_of_two_workers_killed_again_and_again_costs_no_export(
    house: House, client: ExportClient
) -> None:
    house.worker()
    exports: list[Export] = []
    for _ in range(2):
        exports += [await client.create("/flights", format="csv", max_attempts=10) for _ in range(2)]
        victim = house.worker()
        await _until(client, exports[-1], lambda export: export.state != Export.STATE_QUEUED)
        victim.kill()
    exports = [await _until(client, export, _done) for export in exports]
    assert {export.state for export in exports} == {Export.STATE_COMPLETED}
    assert len({export.file.sha256 for export in exports}) == 1
    for export in exports:
        data = b"".join([chunk async for chunk in client.stream(export)])
        assert hashlib.sha256(data).hexdigest() == export.file.sha256


async def test_fault_06_a_worker_that_was_stopped_past_its_lease_does_no_harm_when_it_goes_on(
    house: House, client: ExportClient, held: Held
) -> None:
    worker = house.worker(EXPORTD_SLOTS="1")
    export = await _until(client, await client.create("/held", format="xlsx"), _writing)
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        export = await _until(client, export, lambda seen: seen.state == Export.STATE_FAILED)
    finally:
        held.open()
        os.kill(worker.pid, signal.SIGCONT)
    export = await _until(client, export, _done)
    assert (export.state, export.result.errors[0].code) == (Export.STATE_COMPLETED, "LEASE_EXPIRED")
    data = b"".join([chunk async for chunk in client.stream(export)])
    assert hashlib.sha256(data).hexdigest() == export.file.sha256


async def test_fault_12_an_input_that_kills_every_process_ends_and_holds_nobody_up(house: House) -> None:
    house.api(EXPORTD_RETRY_BASE_S="0")
    worker = house.worker(EXPORTD_SLOTS="1")
    async with ExportClient(house.target) as client:
        export = await client.create("/numbers", format="xlsx", max_attempts=3)
        for attempt in (1, 2, 3):
            export = await _until(client, export, lambda seen, n=attempt: seen.attempt == n and _writing(seen))
            for child in _building(worker):
                child.kill()
        export = await _until(client, export, _done)
        assert (export.state, export.cancel_reason) == (Export.STATE_CANCELLED, Export.CANCEL_REASON_RETRIES_EXHAUSTED)
        assert [error.code for error in export.result.errors] == ["WORKER_CRASHED"] * 3
        after = await _until(client, await client.create("/airports", format="csv"), _done)
        assert after.state == Export.STATE_COMPLETED


def _building(worker: ServiceProcess) -> list[psutil.Process]:
    """The children that build: those of the server that forks them."""
    return [p for p in psutil.Process(worker.pid).children(recursive=True) if p.ppid() != worker.pid]


@deep
async def test_fault_17_a_worker_that_ends_while_it_polls_takes_nothing_with_it(
    house: House, client: ExportClient
) -> None:
    assert house.worker().terminate() == 0
    export = await client.create("/airports", format="csv")
    house.worker()
    export = await _until(client, export, _done)
    assert (export.state, export.attempt) == (Export.STATE_COMPLETED, 1)


@deep
async def test_fault_18_an_api_that_ends_with_a_watch_a_download_and_a_poll_open_cuts_none_of_them_short(
    house: House, held: Held
) -> None:
    api = house.api(**PATIENT, EXPORTD_DRAIN_GRACE_S="1")
    house.worker(EXPORTD_SLOTS="2")
    async with ExportClient(house.target) as client:
        built = await _until(client, await client.create("/flights", format="csv"), _done)
        running = await _until(client, await client.create("/held", format="xlsx"), _writing)
        watching = asyncio.create_task(_until(client, running, _done))
        chunks = client.stream(built)
        data = [await anext(chunks)]

        ending = asyncio.create_task(asyncio.to_thread(api.terminate))
        assert await ending == 0
        house.api(**PATIENT)
        held.open()

        data += [chunk async for chunk in chunks]
        assert hashlib.sha256(b"".join(data)).hexdigest() == built.file.sha256
        ended = await watching
    assert (ended.state, ended.attempt) == (Export.STATE_COMPLETED, 1)
