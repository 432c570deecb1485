"""Workers with other files than their neighbours: nothing is lost, and no attempt is spent."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

from demo.processes import start_worker
from exportd_client import Export, ExportClient
from tests.e2e.conftest import House
from tests.e2e.test_faults import _done, _until
from tests.patience import PATIENCE_S
from tests.tiers import deep


def older_sources(sample: Path) -> Path:
    """As it was before the catalog got the airports."""
    head, _, rest = (sample / "sources.toml").read_text().partition("[sources.airports]")
    _, found, others = rest.partition("\n[")
    assert found
    older = sample / "older-sources.toml"
    older.write_text(f"{head}\n[{others}")
    return older


async def waits_for(client: ExportClient, export: Export, reason: Export.WaitReason.ValueType) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await client.get(export.id)).wait_reason != reason:
            await asyncio.sleep(0.05)  # between two looks


async def test_of_two_workers_one_with_the_old_sources_file_builds_what_it_can(
    house: House, client: ExportClient, sample: Path
) -> None:
    queue = f"127.0.0.1:{house.ports[1]}"
    old = start_worker(older_sources(sample), house.data_dir, queue, begin=house.begin, EXPORTD_SLOTS="2")
    house.processes.append(old)
    exports = [await client.create("/airports", format="csv", max_attempts=1) for _ in range(10)]
    await waits_for(client, exports[0], Export.WAIT_REASON_NO_CAPABLE_WORKER)
    known = await _until(client, await client.create("/flights", format="csv"), _done)  # nothing holds it up
    house.worker(EXPORTD_SLOTS="1")
    exports += [await client.create("/airports", format="csv", max_attempts=1) for _ in range(10)]
    ended = [known, *[await _until(client, export, _done) for export in exports]]
    assert {(export.state, export.attempt) for export in ended} == {(Export.STATE_COMPLETED, 1)}
    assert not any(export.result.errors for export in ended)


@deep
async def test_a_worker_that_reads_its_new_sources_file_gets_what_waited_for_it(
    house: House, client: ExportClient, sample: Path
) -> None:
    sources = sample / "live-sources.toml"
    shutil.copy(older_sources(sample), sources)
    queue = f"127.0.0.1:{house.ports[1]}"
    worker = start_worker(sources, house.data_dir, queue, begin=house.begin, EXPORTD_SLOTS="1")
    house.processes.append(worker)
    export = await client.create("/airports", format="csv")
    await waits_for(client, export, Export.WAIT_REASON_NO_CAPABLE_WORKER)
    shutil.copy(sample / "sources.toml", sources)
    os.kill(worker.pid, signal.SIGHUP)
    export = await _until(client, export, _done)
    assert (export.state, export.attempt) == (Export.STATE_COMPLETED, 1)


@deep
async def test_a_worker_in_another_folder_than_the_api_says_so_and_ends(
    house: House, client: ExportClient, sample: Path, tmp_path: Path
) -> None:
    export = await client.create("/airports", format="csv")
    data_dir = tmp_path / "elsewhere"
    data_dir.mkdir()
    lost = start_worker(sample / "sources.toml", data_dir, f"127.0.0.1:{house.ports[1]}", begin=house.begin)
    assert await asyncio.to_thread(lost.wait_ended) == 2
    said = (data_dir / "worker.log").read_text()
    assert "cannot start" in said
    assert "give both services the same EXPORTD_ARTIFACTS" in said
    seen = await client.get(export.id)
    assert (seen.state, seen.attempt) == (Export.STATE_QUEUED, 0)
    # The worker that ended is forgotten a few seconds later: a slow machine asks after that.
    assert seen.wait_reason in (Export.WAIT_REASON_NO_CAPABLE_WORKER, Export.WAIT_REASON_NO_WORKER)
