"""A password travels to the worker and nowhere else, and is gone when the export is done."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exportd.v1 import export_pb2, export_service_pb2
from services.api.settings import ApiSettings
from services.runtime import logs
from tests.integration.api.conftest import Api, Worker, serving
from tests.integration.api.refusals import refused

PASSWORD = "ábrete sésamo 🔑"


@pytest.fixture
def data(settings: ApiSettings) -> Path:
    return settings.data_dir


def _holding(folder: Path, secret: str) -> list[Path]:
    """Files below a folder with the secret in their bytes."""
    assert any(path.suffix == ".sqlite3-wal" for path in folder.iterdir()), "the log of the database is looked at too"
    return [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def _sealed(folder: Path) -> list[bytes | None]:
    connection = sqlite3.connect(folder / "exportd.sqlite3")
    try:
        return [row[0] for row in connection.execute("SELECT sealed_password FROM exports ORDER BY id")]
    finally:
        connection.close()


def _holding_bytes(folder: Path, secret: bytes) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()]


@pytest.mark.parametrize("end", ["completed", "cancelled", "failed for good"])
async def test_no_file_holds_the_ciphertext_once_it_is_erased(api: Api, worker: Worker, data: Path, end: str) -> None:
    """Beside the key it would be as good as the password."""
    export = await api.create(password=PASSWORD, max_attempts=1)
    (sealed,) = _sealed(data)
    assert sealed is not None
    (job,) = await worker.lease()
    match end:
        case "completed":
            await worker.complete(job, worker.file(job, b"x", extension="zip", encrypted=True))
        case "cancelled":
            await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=export.id))
        case _:
            await worker.fail(job)
    assert _holding_bytes(data, sealed) == ["exportd.sqlite3-wal"]
    assert await api.parts.erasure.run_once()
    assert _holding_bytes(data, sealed) == []


async def test_erasing_waits_for_no_reader_and_is_done_when_it_has_left(api: Api, data: Path) -> None:
    await api.create(password=PASSWORD)
    reader = sqlite3.connect(data / "exportd.sqlite3", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM exports").fetchone()
    await api.create(password=PASSWORD)
    assert not await api.parts.erasure.run_once()
    await api.create(password=PASSWORD)
    reader.close()
    assert await api.parts.erasure.run_once()
    assert (data / "exportd.sqlite3-wal").stat().st_size == 0


async def test_the_worker_gets_the_password_and_the_caller_only_that_there_is_one(api: Api, worker: Worker) -> None:
    export = await api.create(password=PASSWORD)
    assert export.encrypted
    assert PASSWORD not in str(export)
    (job,) = await worker.lease()
    assert job.password == PASSWORD
    await worker.complete(job, worker.file(job, b"sealed", extension="zip", encrypted=True))
    done = await api.get(export.id)
    assert (done.encrypted, done.file.encrypted) == (True, True)


async def test_no_file_and_no_log_ever_holds_it(api: Api, worker: Worker, data: Path) -> None:
    with capture_logs(processors=[logs.with_bound]) as lines:
        await api.create(password=PASSWORD, request_id="once")
        await refused(api.create(password=PASSWORD + "!", request_id="once"))
        await refused(api.create(password=PASSWORD * 20, time_zone="nowhere"))
        (sealed,) = _sealed(data)
        assert sealed is not None
        assert _holding(data, PASSWORD) == []
        (job,) = await worker.lease()
        await worker.complete(job, worker.file(job, b"x", extension="zip", encrypted=True))
    assert _sealed(data) == [None]
    assert _holding(data, PASSWORD) == []
    assert "CreateExport" in str(lines)
    assert "sésamo" not in str(lines)


async def test_an_end_without_a_file_erases_it_too(api: Api, worker: Worker, data: Path) -> None:
    cancelled = await api.create(password=PASSWORD)
    await api.exports.CancelExport(export_service_pb2.CancelExportRequest(export_id=cancelled.id))
    await api.create(password=PASSWORD, max_attempts=1)
    (job,) = await worker.lease()
    await worker.fail(job)
    await api.create(password=PASSWORD)
    done_and_waiting = _sealed(data)
    assert done_and_waiting[:2] == [None, None]
    assert done_and_waiting[2]


async def test_the_same_request_with_another_password_is_another_request(api: Api) -> None:
    first = await api.create(password=PASSWORD, request_id="once")
    assert (await api.create(password=PASSWORD, request_id="once")).id == first.id
    refusal = await refused(api.create(password="another", request_id="once"))
    assert refusal.reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(("password", "sealed"), [(PASSWORD, False), ("", True)])
async def test_a_file_that_is_not_sealed_as_asked_is_not_published(
    api: Api, worker: Worker, password: str, sealed: bool
) -> None:
    export = await api.create(password=password)
    (job,) = await worker.lease()
    refusal = await refused(worker.complete(job, worker.file(job, b"x", encrypted=sealed)))
    assert list(refusal.violations) == ["artifact.encrypted"]
    assert (await api.get(export.id)).state == export_pb2.Export.STATE_PROCESSING


async def test_after_a_change_of_the_key_a_password_is_lost_and_its_export_ends_while_others_go_on(
    settings: ApiSettings, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(b"1" * 32)
    async with serving(replace(settings, secret_key_file=tmp_path / "key")) as api:
        lost = await api.create(password=PASSWORD)
        kept = await api.create()
    (tmp_path / "key").write_bytes(b"2" * 32)
    async with serving(replace(settings, secret_key_file=tmp_path / "key")) as api:
        (job,) = await Worker(api).lease(wait_s=5)
        assert job.export_id == kept.id
        ended = await api.get(lost.id)
        assert (ended.state, ended.cancel_reason) == (
            export_pb2.Export.STATE_CANCELLED,
            export_pb2.Export.CANCEL_REASON_NOT_RETRYABLE,
        )
        assert [e.code for e in ended.result.errors] == ["PASSWORD_UNREADABLE"]
    assert _sealed(settings.data_dir) == [None, None]
