"""A long queue is not counted for everybody who stands at its end."""

import random
from dataclasses import replace

from services.api.domain.states import State
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


async def test_positions_of_many_are_those_of_each(database):
    store = sql_store(database).exports
    queued = [
        await store.create(replace(new_export(), priority=number % 3), SPEC, None)
        for number in range(MAX_QUEUE_POSITION + 20)
    ]
    over = replace(queued[0], state=State.CANCELLED)
    for some in (queued[::7], queued[:2], [over, *queued[-40:]], [new_export(tenant="other"), queued[5]]):
        together = await database.read(lambda db, some=some: Places().of_each(db, some))
        alone = [await store.queue_position(each) for each in some]
        assert together == alone


async def test_of_many_only_the_first_at_the_last_place_is_counted(database):
    clock, store = Clock(), sql_store(database).exports
    queued = [await store.create(new_export(), SPEC, None) for _ in range(MAX_QUEUE_POSITION + 50)]
    at_last = random.Random(1).sample(queued[MAX_QUEUE_POSITION:], 40)
    counted = []

    def count(db):
        db.connection.driver_connection.set_trace_callback(counted.append)
        return Places(clock).of_each(db, at_last)

    assert await database.read(count) == [MAX_QUEUE_POSITION] * 40
    assert len(counted) == 2  # the line, and the place of the first
