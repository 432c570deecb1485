"""A long queue is not counted for everybody who stands at its end."""

from dataclasses import replace

from services.api.ports.exports import MAX_QUEUE_POSITION
from services.api.storage.sql.places import LAST_KNOWN_S, Places
from services.api.storage.sql.stores import sql_store
from tests.ports.samples import SPEC, START, new_export


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


async def test_who_stands_behind_one_at_the_last_place_stands_there_for_a_second(database):
    clock, store = Clock(), sql_store(database).exports
    queued = [await store.create(new_export(), SPEC, None) for _ in range(MAX_QUEUE_POSITION)]
    places = Places(clock)

    async def place(export):
        return await database.read(lambda db: places.of(db, export))

    behind, urgent = new_export(), replace(new_export(), priority=1)
    assert await place(queued[-1]) == await place(behind) == MAX_QUEUE_POSITION
    for export in queued[:10]:
        await store.cancel("acme", export.id, START, only_if_queued=True)
    assert await place(behind) == MAX_QUEUE_POSITION  # not counted again yet
    assert await place(queued[-2]) == MAX_QUEUE_POSITION - 11  # before it: counted
    assert await place(urgent) == 1
    assert await place(replace(behind, tenant="other")) == 1
    clock.now += LAST_KNOWN_S
    assert await place(behind) == MAX_QUEUE_POSITION - 9
