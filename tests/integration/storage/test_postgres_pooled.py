"""A pooler that hands each transaction another session. Needs Debian's PgBouncer, which this environment may lack."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from demo.ports import free_port
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.api.storage.sql.stores import sql_store
from tests.patience import PATIENCE_S
from tests.ports.lining_up import stranded
from tests.ports.rush import Rush
from tests.ports.sql_snapshot import sql_snapshot
from tests.servers.stores import new_store
from tests.tiers import deep

pytestmark = deep

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
CONFIG = """
[databases]
* = host={host}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 100
"""


@pytest.fixture
def pooled(tmp_path: Path) -> Iterator[Address]:
    if PROGRAM is None:
        pytest.skip("PgBouncer is not installed")
    url = urlsplit(new_store())
    config, port = tmp_path / "pgbouncer.ini", free_port()
    user = url.username or "postgres"
    (host,) = parse_qs(url.query)["host"]
    config.write_text(CONFIG.format(host=f"{host} user={user}", port=port))
    tmp_path.chmod(0o755)
    command = [PROGRAM, *(["-u", Path(host).owner()] if os.geteuid() == 0 else []), str(config)]
    with subprocess.Popen(command) as pooler:
        address = f"postgresql://{user}@127.0.0.1:{port}{url.path}"
        try:
            _answers(address)
            yield Address(address, pooled=True)
        finally:
            pooler.terminate()


def _answers(address: str) -> None:
    """Raises psycopg.OperationalError when it does not within some time."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return psycopg.connect(address, prepare_threshold=None).close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise


async def test_the_store_works_behind_a_pooler(pooled: Address) -> None:
    async with PostgresDatabase(pooled) as one, PostgresDatabase(pooled) as other:
        rushes = [Rush(sql_store(database), seed) for seed, database in enumerate((one, other))]
        await asyncio.gather(*(rush.run(10, 10) for rush in rushes))
        assert stranded((await one.write(sql_snapshot)).strayed) == []
