"""What is over goes, and nothing else."""

import asyncio
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exportd.v1 import export_pb2, export_service_pb2
from services.api.background.retention import Retention, RetentionPolicy, StoreOfAnother, Swept
from services.api.live.duties import LocalDuties
from services.api.metrics import ApiMetrics
from services.api.ports.retention import RetentionStore
from services.api.settings import ApiSettings
from services.api.storage.artifacts.folder import FolderArtifactStore
from services.api.storage.sql.stores import sql_store
from services.api.storage.sqlite.database import SqliteDatabase
from services.api.world import World
from tests.integration.api.conftest import Api, Worker, serving, until
from tests.integration.api.refusals import refused

GRACE = timedelta(hours=1)
DAY = timedelta(days=1)
CONTENT = b"id\r\n1\r\n2\r\n"


def files(artifacts: Path) -> list[str]:
    found = (Path(folder, name) for folder, _, names in os.walk(artifacts) for name in names)
    return sorted(str(path.relative_to(artifacts)) for path in found if not path.name.startswith("."))


@pytest.fixture
async def sweep(settings: ApiSettings):
    """Sweep as if so much time had passed."""
    async with await SqliteDatabase.open(settings.data_dir / "exportd.sqlite3") as database:
        artifacts = FolderArtifactStore.in_folder(settings.artifacts)

        async def after(time: timedelta, policy: RetentionPolicy = RetentionPolicy(grace=GRACE)):  # noqa: B008 - frozen
            world = World(clock=lambda: datetime.now(UTC) + time)
            later = Retention(
                sql_store(database).retention, artifacts, ApiMetrics(), policy, world, duties=LocalDuties()
            )
            return await later.run_once()

        yield after


async def cancel(api: Api, export_id: str) -> None:
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=export_id))


async def delete(api: Api, export_id: str) -> None:
    await api.exports.DeleteExport(export_service_pb2.DeleteExportRequest(export_id=export_id))


async def test_a_file_stays_until_an_hour_after_its_time(api: Api, worker: Worker, sweep) -> None:
    await api.create()
    job = await worker.build(CONTENT)
    await sweep(7 * DAY + GRACE / 2)
    assert files(api.artifacts) == [f"{job.artifact_prefix}export.csv"]
    assert (await sweep(7 * DAY + GRACE * 2)).leases == 1
    assert files(api.artifacts) == []
    assert not (api.artifacts / job.export_id).exists()


async def test_a_deleted_file_goes_an_hour_later_and_its_tombstone_after_a_day(api: Api, worker: Worker, sweep) -> None:
    await api.create(request_id="r-1")
    job = await worker.build(CONTENT)
    await delete(api, job.export_id)
    assert files(api.artifacts)
    await sweep(GRACE * 2)
    assert files(api.artifacts) == []
    assert (await refused(api.create(request_id="r-1"))).reason == "EXPORT_DELETED"
    await sweep(DAY + GRACE)
    assert (await api.create(request_id="r-1")).id != job.export_id


async def test_what_a_lost_lease_wrote_goes_and_what_a_live_one_writes_stays(api: Api, worker: Worker, sweep) -> None:
    await api.create()
    (lost,) = await worker.lease()
    worker.file(lost, b"half of it")
    await worker.release(lost)
    (job,) = await worker.lease()
    worker.file(job, CONTENT)
    await sweep(GRACE * 2)
    assert files(api.artifacts) == [f"{job.artifact_prefix}export.csv"]
    await worker.complete(job, worker.file(job, CONTENT))


async def test_what_was_written_lately_stays_whoever_wrote_it(api: Api, worker: Worker, sweep) -> None:
    export = await api.create()
    (job,) = await worker.lease()
    worker.file(job, b"half of it")
    await cancel(api, export.id)
    await sweep(GRACE / 2)
    assert len(files(api.artifacts)) == 1
    await sweep(GRACE * 2)
    assert files(api.artifacts) == []


async def test_old_exports_are_forgotten_with_their_history(api: Api, worker: Worker, sweep) -> None:
    export = await api.create()
    await worker.build(CONTENT)
    waiting = await api.create()
    await sweep(60 * DAY)
    assert (await api.get(export.id)).file.size_bytes == len(CONTENT)
    assert (await sweep(91 * DAY)).rows >= 1
    assert (await refused(api.get(export.id))).reason == "EXPORT_NOT_FOUND"
    assert (await api.get(waiting.id)).state == export_pb2.Export.STATE_QUEUED


async def test_a_sweep_can_be_repeated(api: Api, worker: Worker, sweep) -> None:
    await api.create()
    await worker.build(CONTENT)
    await sweep(100 * DAY)
    again = await sweep(100 * DAY)
    assert (again.leases, again.rows) == (0, 0)


async def test_an_api_sweeps_by_itself(settings: ApiSettings, tmp_path: Path) -> None:
    policy = RetentionPolicy(interval=timedelta(milliseconds=50), grace=timedelta())
    async with serving(replace(settings, retention=policy)) as api:
        worker = Worker(api)
        export = await api.create()
        (job,) = await worker.lease()
        worker.file(job, CONTENT)
        await cancel(api, export.id)
        await until(lambda: not files(api.artifacts))


async def test_files_of_another_database_are_not_swept(settings: ApiSettings, tmp_path: Path) -> None:
    async with serving(settings) as api:
        await api.create()
        await Worker(api).build(CONTENT)
    elsewhere = replace(settings, data_dir=tmp_path / "another")
    with pytest.raises(StoreOfAnother):
        async with serving(elsewhere):
            pass
    with pytest.raises(StoreOfAnother):
        async with serving(replace(settings, artifacts=tmp_path / "other-artifacts")):
            pass
    async with serving(settings):
        assert len(files(settings.artifacts)) == 1


@dataclass
class JumpyClock:
    """It counts how often it is looked at since it jumped."""

    ahead: timedelta = timedelta()
    looks: int = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return datetime.now(UTC) + self.ahead

    def jump(self) -> None:
        self.ahead, self.looks = 100 * DAY, 0


class TroubledRetention(Retention):
    """Behind its third sweep the clock jumps. Not within one: what is over is decided there."""

    def __init__(self, store: RetentionStore, artifacts: FolderArtifactStore, clock: JumpyClock) -> None:
        policy = RetentionPolicy(interval=timedelta(milliseconds=20), grace=timedelta())
        super().__init__(store, artifacts, ApiMetrics(), policy, World(clock=clock), duties=LocalDuties())
        self._jump, self._sweeps = clock.jump, 0

    async def run_once(self) -> Swept:
        swept = await super().run_once()
        self._sweeps += 1
        if self._sweeps == 3:
            self._jump()
        return swept


async def test_nothing_is_swept_for_a_while_after_the_clock_jumped_ahead(api: Api, worker: Worker, settings) -> None:
    await api.create()
    await worker.build(CONTENT)
    clock = JumpyClock()
    async with await SqliteDatabase.open(settings.data_dir / "exportd.sqlite3") as database:
        artifacts = FolderArtifactStore.in_folder(settings.artifacts)
        sweeping = asyncio.create_task(TroubledRetention(sql_store(database).retention, artifacts, clock).run())
        await until(lambda: clock.ahead == 100 * DAY and clock.looks >= 5)  # each time it would have removed everything
        sweeping.cancel()
    assert len(files(api.artifacts)) == 1
