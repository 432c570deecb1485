"""What an event loop hands to threads."""

import asyncio
import threading

import pytest

from services.api.storage.sql.readers import Inbox


async def test_all_that_one_turn_of_the_loop_puts_arrives_together() -> None:
    inbox, begun = Inbox[int](64), threading.Event()

    def take() -> list[int]:
        begun.set()
        return inbox.take()

    taking = asyncio.create_task(asyncio.to_thread(take))
    await asyncio.to_thread(begun.wait)
    for number in range(5):
        inbox.put(number)
    assert await taking == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("most", [2, 7, 8])
async def test_no_more_than_so_many_are_taken_at_once_and_all_in_their_order(most: int) -> None:
    inbox = Inbox[int](most)
    for number in range(50):
        inbox.put(number)
    inbox.end()
    taken = []
    while some := await asyncio.to_thread(inbox.take):
        assert len(some) <= most
        taken += some
    assert taken == [*range(50)]


async def test_what_was_put_in_the_turn_of_the_end_is_taken_before_it() -> None:
    inbox = Inbox[str](8)
    inbox.put("the last")
    inbox.end()
    assert [inbox.take(), inbox.take()] == [["the last"], []]


async def test_each_thread_hears_of_the_end() -> None:
    inbox, ended = Inbox[int](8), []

    def serve() -> None:
        while inbox.take():
            pass
        ended.append(threading.get_ident())

    serving = [asyncio.create_task(asyncio.to_thread(serve)) for _ in range(3)]
    for number in range(20):
        inbox.put(number)
        await asyncio.sleep(0)
    inbox.end(threads=3)
    await asyncio.gather(*serving)
    assert len(ended) == 3
