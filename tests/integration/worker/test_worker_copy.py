"""A worker whose job is the server's COPY."""

import asyncio
from dataclasses import replace

import psycopg

from services.contract.spec import Relation
from services.worker.sources.sql.postgres.settings import PostgresSettings
from tests.integration.worker.rig import SPEC, Rig
from tests.patience import PATIENCE_S
from tests.servers import databases

ENDLESS = Relation(
    query="select i as id, repeat('x', 1000) as name from (select generate_series(1, 100000000) as i) as s"
)


def statements(url: str) -> int:
    """How many COPYs the server is at."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("select count(*) from pg_stat_activity where query like 'copy (%100000000%'")
        return int(found.fetchall()[0][0])


async def test_a_cancelled_copy_leaves_no_file_and_no_statement(rig: Rig) -> None:
    url = databases.new_database()
    rig.sources["db"] = PostgresSettings("db", url)
    async with rig.working():
        entry = rig.queue.offer(replace(SPEC, relation=ENDLESS, order=()))
        await rig.queue.until(lambda: any(p.rows_written for p in entry.progress))
        assert statements(url) == 1
        rig.queue.cancel(entry, hint=True)
        async with asyncio.timeout(PATIENCE_S):
            while rig.files() or statements(url):
                await asyncio.sleep(0.02)  # the kill, and the server's next write, come when they come
    assert entry.state == "CANCELLED"
