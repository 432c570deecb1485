"""The peer of small exports: no-op jobs of procrastinate on PostgreSQL, in its own tables.

`python -m bench.no_op_jobs worker URL` creates the tables and works, SLOTS jobs at once, until it is terminated; the
first line of its output says that it is ready. `python -m bench.no_op_jobs defer URL COUNT` defers jobs, waits until
all have succeeded, and prints how many seconds that took.
"""

import asyncio
import sys
import time

from procrastinate import App, PsycopgConnector

from bench.caller import IN_FLIGHT

SLOTS = 4
_LOOK_S = 0.005
_MINE = "select count(*) from procrastinate_jobs where id > %(last)s and status = 'succeeded'"
_LAST = "select coalesce(max(id), 0) as last from procrastinate_jobs"


def main() -> None:
    """Run as the worker, or defer jobs."""
    role, url, *count = sys.argv[1:]
    app = App(connector=PsycopgConnector(conninfo=url))
    asyncio.run(_work(app) if role == "worker" else _defer(app, int(count[0])))


async def _nothing() -> None:
    pass


async def _work(app: App) -> None:
    app.task(name="nothing")(_nothing)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        print("ready", flush=True)
        await app.run_worker_async(concurrency=SLOTS)


async def _defer(app: App, count: int) -> None:
    job = app.configure_task("nothing")
    left = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in left:
            await job.defer_async()

    async with app.open_async():
        last = (await app.connector.execute_query_one_async(_LAST))["last"]
        begun = time.perf_counter()
        await asyncio.gather(*(one_after_the_other() for _ in range(IN_FLIGHT)))
        while (await app.connector.execute_query_one_async(_MINE, last=last))["count"] < count:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        print(time.perf_counter() - begun)


if __name__ == "__main__":
    main()
