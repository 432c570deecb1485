"""The data directory between processes, and what is left of one that is killed."""

import subprocess
import sys
from contextlib import contextmanager

import pytest

from services.api.ports.exports import ExportFilter
from services.api.storage.datadir import DataDirectory, DataDirectoryInUse, SecretKeyTooShort, key_file, secret_key
from services.api.storage.sql.stores import sql_store
from services.api.storage.sqlite.database import SqliteDatabase

HOLD = """
import sys
from pathlib import Path
from services.api.storage.datadir import DataDirectory
with DataDirectory.open(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
CREATE = """
import asyncio, sys
from pathlib import Path
from services.api.storage.datadir import DataDirectory
from services.api.storage.sqlite.database import SqliteDatabase
from services.api.storage.sql.stores import sql_store
from tests.ports.samples import SPEC, new_export

async def main():
    directory = DataDirectory.open(Path(sys.argv[1]))
    store = sql_store(await SqliteDatabase.open(directory.database))
    async def create():
        while True:
            export = await store.exports.create(new_export(), SPEC, None)
            print(export.id, flush=True)
    await asyncio.gather(*(create() for _ in range(8)))

asyncio.run(main())
"""


@contextmanager
def running(script, directory):
    command = [sys.executable, "-c", script, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused_and_told_whom_to_stop(tmp_path):
    with running(HOLD, tmp_path) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataDirectoryInUse) as refused:
            DataDirectory.open(tmp_path)
        assert str(tmp_path) in str(refused.value)
        assert f"process {holder.pid}:" in str(refused.value)
        holder.kill()
        holder.wait()
        DataDirectory.open(tmp_path).close()


async def test_what_was_acknowledged_survives_kill_minus_nine(tmp_path):
    with running(CREATE, tmp_path) as process:
        acknowledged = [process.stdout.readline().strip() for _ in range(50)]
        process.kill()
        # A line cut short by the kill was no acknowledgement.
        acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
    with DataDirectory.open(tmp_path) as directory:
        async with await SqliteDatabase.open(directory.database) as db:
            store = sql_store(db)
            there = {export.id for export in (await store.exports.page("acme", ExportFilter(), "", 100_000)).exports}
    assert set(acknowledged) <= there


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path):
    with DataDirectory.open(tmp_path / "a" / "data") as directory:
        own = key_file(directory.path, None)
        key = secret_key(own, make=True)
        assert secret_key(own, make=True) == secret_key(own, make=False) == key
        assert len(key) == 32
        assert (directory.path / "secret.key").stat().st_mode & 0o777 == 0o600
        assert directory.path.stat().st_mode & 0o777 == 0o700
        assert sorted(path.name for path in directory.path.iterdir()) == ["lock", "secret.key"]


def test_the_key_may_come_from_elsewhere_but_not_be_short(tmp_path):
    with DataDirectory.open(tmp_path / "data") as directory:
        given = tmp_path / "given.key"
        given.write_bytes(b"k" * 40)
        assert secret_key(key_file(directory.path, given), make=False) == b"k" * 40
        given.write_bytes(b"short")
        with pytest.raises(SecretKeyTooShort, match=r"given\.key holds 5 bytes"):
            secret_key(given, make=False)
