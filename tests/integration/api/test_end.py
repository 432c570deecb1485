"""How an api ends."""

import asyncio

from services.api import app
from services.api.domain.export import Export
from services.api.settings import ApiSettings
from services.api.world import World
from services.runtime.signals import StopSignals


async def test_what_a_call_that_was_cut_off_had_begun_ends_before_the_database_is_closed(settings: ApiSettings) -> None:
    stop, started, go = StopSignals(), asyncio.Event(), asyncio.Event()
    async with await app.build(settings, World()) as parts:
        running = asyncio.create_task(app.run(parts, stop, lambda *_: started.set()))
        await started.wait()

        async def begun() -> Export | None:
            await go.wait()
            return await parts.store.exports.get("default", "of nobody")

        left = parts.live.detached.start(begun())
        stop.drain.set()
        await asyncio.wait({running}, timeout=0.5)  # far more than it takes to stop two servers that nobody calls
        assert not running.done()
        go.set()
        await running
        assert left.done()
    assert left.result() is None
