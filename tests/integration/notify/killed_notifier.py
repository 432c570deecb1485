"""A process that ends an export, and at the word of a test goes on to announce it; it waits to be killed.

Arguments: the database, a callback URL, `committed` (it dies before it holds the delivery) or `held`, and the format
of callbacks.
"""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.api.domain.callbacks import CallbackFormat
from services.api.storage.sql.stores import sql_store
from services.api.storage.sqlite.database import SqliteDatabase
from tests.ports.samples import OPTIONS, SPEC, new_export


async def main(path: str, url: str, until: str, callback_format: str) -> None:
    options = replace(OPTIONS, callback_format=CallbackFormat(callback_format))
    async with await SqliteDatabase.open(Path(path)) as database:
        now = datetime.now(UTC)
        store = sql_store(database)
        export = await store.exports.create(new_export(callback_url=url, options=options), SPEC, None)
        await store.exports.cancel("acme", export.id, now, only_if_queued=False)
        if until == "held":
            await store.outbox.hold(1, now + timedelta(seconds=1), now)
        print(export.id, flush=True)  # noqa: T201 - the test reads it
        await asyncio.sleep(3600)  # it is killed here


asyncio.run(main(*sys.argv[1:]))
