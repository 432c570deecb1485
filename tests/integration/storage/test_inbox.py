"""How items come from an event loop to a thread: together if they come together, at once if one comes alone."""

import asyncio

from services.api.storage.sql.readers import GATHERING_TURNS, REMEMBERED, Inbox

MOST = 16


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def busy_inbox():
    """One to which items have come together so far."""
    inbox = Inbox(MOST, gathers=True)
    for _ in range(REMEMBERED):
        inbox.put("a")
        inbox.put("b")
        await turns(GATHERING_TURNS + 1)
        assert inbox.take() == ["a", "b"]
    return inbox


async def test_one_that_comes_alone_is_handed_over_in_the_same_turn():
    inbox = Inbox(MOST, gathers=True)
    for _ in range(3 * REMEMBERED):
        inbox.put("alone")
        await turns(1)
        assert not inbox.waiting
        assert inbox.take() == ["alone"]


async def test_those_that_come_in_neighbouring_turns_are_taken_together_and_in_order():
    inbox = await busy_inbox()
    for item in range(4):
        inbox.put(item)
        await turns(GATHERING_TURNS)
        assert inbox.waiting == item + 1
    await turns(1)
    assert not inbox.waiting
    assert inbox.take() == [0, 1, 2, 3]


async def test_a_steady_stream_holds_up_nobody():
    inbox = await busy_inbox()
    for item in range(MOST // 2):
        assert inbox.waiting == item
        inbox.put(item)
        await turns(1)
    assert not inbox.waiting
    assert inbox.take() == [*range(MOST // 2)]


async def test_after_some_that_came_alone_none_waits_any_more():
    inbox = await busy_inbox()
    for _ in range(3 * REMEMBERED):
        inbox.put("alone")
        await turns(GATHERING_TURNS + 1)
        assert inbox.take() == ["alone"]
    inbox.put("alone")
    await turns(1)
    assert not inbox.waiting


async def test_what_has_gathered_is_handed_over_at_the_end():
    inbox = await busy_inbox()
    inbox.put("last")
    inbox.end()
    assert (inbox.take(), inbox.take()) == (["last"], [])
    await turns(2 * GATHERING_TURNS)
    assert not inbox.waiting


async def test_without_gathering_each_turn_hands_over_its_own():
    inbox = Inbox(MOST)
    for _ in range(REMEMBERED):
        inbox.put("a")
        inbox.put("b")
        await turns(1)
        assert not inbox.waiting
        assert inbox.take() == ["a", "b"]
