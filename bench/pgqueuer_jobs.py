"""No-op jobs of another queue: PgQueuer on PostgreSQL, in its own tables; see no_op_jobs.py.

`python -m bench.pgqueuer_jobs worker URL` creates the tables and works until it is terminated; the first line of its
output says that it is ready. `python -m bench.pgqueuer_jobs defer URL COUNT` defers jobs one by one, IN_FLIGHT at a
time, waits until all are done, and prints how many seconds that took.
"""

import asyncio
import sys
import time

import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import PsycopgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from bench.caller import IN_FLIGHT

_LOOK_S = 0.005
_LEFT = "select count(*) from pgqueuer"


def main() -> None:
    """Run as the worker, or defer jobs."""
    role, url, *count = sys.argv[1:]
    asyncio.run(_work(url) if role == "worker" else _defer(url, int(count[0])))


async def _work(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await Queries(PsycopgDriver(connection)).install()
        queue = PgQueuer.from_psycopg_connection(connection)

        async def nothing(_: Job) -> None:
            pass

        queue.entrypoint("nothing")(nothing)  # as a decorator it would have no types if PgQueuer is not installed
        print("ready", flush=True)
        await queue.run()


async def _defer(url: str, count: int) -> None:
    left = iter(range(count))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        queries = Queries(PsycopgDriver(connection))

        async def one_after_the_other() -> None:
            for _ in left:
                await queries.enqueue("nothing", None)

        begun = time.perf_counter()
        await asyncio.gather(*(one_after_the_other() for _ in range(IN_FLIGHT)))
        while await _count(connection, _LEFT):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        print(time.perf_counter() - begun)


async def _count(connection: psycopg.AsyncConnection, counting: str) -> int:
    row = await (await connection.execute(counting)).fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
