"""A copy that is made while an api runs, brought back at another place."""

import asyncio
import io
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from exportd.v1 import export_pb2, export_service_pb2
from services.api.commands import backup
from services.api.settings import ApiSettings, DatabaseSettings
from services.runtime.startup import CannotStart
from tests.integration.api.conftest import Api, Worker, serving
from tests.servers import databases
from tests.servers.dumps import dump, restore
from tests.servers.stores import new_store

CSV = b"id\r\n1\r\n2\r\n"


def copied_file(settings: ApiSettings, to: Path) -> ApiSettings:
    """By the command, on SQLite."""
    out = io.StringIO()
    environ = {"EXPORTD_DATA_DIR": str(settings.data_dir)}
    assert backup.run([str(to / "data" / "exportd.sqlite3")], environ, out) == 0
    assert out.getvalue() == f"{to / 'data' / 'exportd.sqlite3'}\n"
    shutil.copy2(settings.data_dir / "secret.key", to / "data")
    return settings


def dumped(settings: ApiSettings, to: Path) -> ApiSettings:
    """By pg_dump, on PostgreSQL."""
    assert settings.database
    dump(settings.database.url, to / "exportd.dump")
    return settings


def restored_file(settings: ApiSettings, at: Path) -> ApiSettings:
    return replace(settings, data_dir=at / "data", artifacts=at / "artifacts")


def restored_dump(settings: ApiSettings, at: Path) -> ApiSettings:
    url = databases.new_database()
    restore(at / "exportd.dump", url)
    return replace(settings, database=DatabaseSettings(url), data_dir=at / "data", artifacts=at / "artifacts")


def on_postgres(settings: ApiSettings, folder: Path) -> ApiSettings:
    (folder / "key").write_bytes(b"k" * 32)
    return replace(settings, database=DatabaseSettings(new_store()), secret_key_file=folder / "key")


Step = Callable[[ApiSettings, Path], ApiSettings]
STORES = {
    "sqlite": (lambda settings, _: settings, copied_file, restored_file),
    "postgresql": (on_postgres, dumped, restored_dump),
}


async def bytes_of(api: Api, export: export_pb2.Export) -> bytes:
    request = export_service_pb2.DownloadFileRequest(file_id=export.file.id)
    return b"".join([part.data async for part in api.exports.DownloadFile(request)])


@pytest.mark.parametrize("store", STORES)
async def test_what_is_brought_back_is_served_and_what_was_under_way_is_built(
    settings: ApiSettings, tmp_path: Path, store: str
) -> None:
    steps: tuple[Step, Step, Step] = STORES[store]
    set_up, copy, bring_back = steps
    settings, kept = set_up(settings, tmp_path), tmp_path / "kept"
    kept.mkdir()
    async with serving(settings) as api:
        done, running, waiting = [(await api.create()).id for _ in range(3)]
        worker = Worker(api)
        await worker.build(CSV)
        (job,) = await worker.lease()
        await asyncio.to_thread(copy, settings, kept)
        later = (await api.create()).id
        await worker.complete(job, worker.file(job, CSV))  # between the two copies: its artifact is in the second one
        await asyncio.to_thread(shutil.copytree, api.artifacts, kept / "artifacts")
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(serving(bring_back(settings, kept)))
        assert await bytes_of(api, await api.get(done)) == CSV
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await api.get(later)
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
        assert (await api.get(running)).state == export_pb2.Export.STATE_PROCESSING  # until its lease ends
        worker = Worker(api)
        await worker.build(CSV)
        assert await bytes_of(api, await api.get(waiting)) == CSV


def test_no_file_is_replaced_and_no_database_made(settings: ApiSettings, tmp_path: Path) -> None:
    environ = {"EXPORTD_DATA_DIR": str(settings.data_dir)}
    with pytest.raises(CannotStart, match="there is no database"):
        backup.run([str(tmp_path / "copy")], environ, io.StringIO())
    settings.data_dir.mkdir()
    (settings.data_dir / "exportd.sqlite3").write_bytes(b"no database, and long enough to be taken for one" * 100)
    with pytest.raises(CannotStart, match="could not be written: file is not a database"):
        backup.run([str(tmp_path / "copy")], environ, io.StringIO())
    (tmp_path / "copy").write_text("precious")
    with pytest.raises(CannotStart, match="exists"):
        backup.run([str(tmp_path / "copy")], environ, io.StringIO())
    assert (tmp_path / "copy").read_text() == "precious"


def test_postgresql_is_copied_by_its_own_tools() -> None:
    with pytest.raises(CannotStart, match="pg_dump"):
        backup.run(["copy"], {"EXPORTD_DATABASE": "postgresql://x/y"}, io.StringIO())
