"""Work one piece behind: in order, all of it, and its failures where they belong."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from exportd_client.aio.behind import IN_A_ROW, MAX_WAITING, Behind
from tests.patience import PATIENCE_S


async def test_all_that_was_taken_is_done_in_order_and_few_pieces_behind() -> None:
    done: list[int] = []
    seen = []
    async with Behind(done.append) as behind:
        for piece in range(100):
            await behind.take(piece)
            seen.append(len(done))
    assert done == list(range(100))
    assert all(piece - MAX_WAITING - 1 <= count <= piece + 1 for piece, count in enumerate(seen))


async def test_the_caller_goes_on_while_a_piece_is_worked_on() -> None:
    go_on = threading.Event()
    async with Behind(lambda _: go_on.wait(PATIENCE_S)) as behind:
        await behind.take(1)
        go_on.set()


async def test_one_thread_works_as_long_as_pieces_wait_and_the_caller_waits_for_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, go_on, begun, runs = asyncio.get_running_loop(), threading.Event(), threading.Event(), []
    real = loop.run_in_executor
    monkeypatch.setattr(loop, "run_in_executor", lambda *what: runs.append(what) or real(*what))

    def slowly(_piece: int) -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    async with Behind(slowly) as behind:
        await behind.take(0)
        await asyncio.to_thread(begun.wait, PATIENCE_S)
        runs.clear()
        for piece in range(MAX_WAITING):
            await behind.take(piece)
        one_more = asyncio.create_task(behind.take(MAX_WAITING))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not one_more.done()
        assert runs == []
        go_on.set()
        await one_more


async def test_no_work_is_done_after_work_that_failed() -> None:
    worked, go_on = [], threading.Event()

    def fails(piece: int) -> None:
        go_on.wait(PATIENCE_S)
        worked.append(piece)
        raise OSError("the disk is full")

    behind = Behind(fails)

    async def take_all() -> None:
        async with behind:
            for piece in range(MAX_WAITING):
                await behind.take(piece)
            go_on.set()

    with pytest.raises(OSError, match="full"):
        await take_all()
    with pytest.raises(OSError, match="full"):
        await behind.take(9)
    assert worked == [0]


async def test_what_waits_is_done_though_the_caller_is_cancelled_at_the_end() -> None:
    done: list[int] = []
    go_on, ending = threading.Event(), asyncio.Event()

    def slowly(piece: int) -> None:
        go_on.wait(PATIENCE_S)
        done.append(piece)

    async def takes() -> None:
        async with Behind(slowly) as behind:
            for piece in range(MAX_WAITING):
                await behind.take(piece)
            ending.set()

    taking = asyncio.create_task(takes())
    await ending.wait()
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert done == list(range(MAX_WAITING))


@pytest.mark.parametrize("pieces", [1, 2], ids=["at the end", "at the next piece"])
async def test_what_the_work_raises_comes_out(pieces: int) -> None:
    def full(_piece: int) -> None:
        raise OSError("the disk is full")

    async def take_all() -> None:
        async with Behind(full) as behind:
            for piece in range(pieces):
                await behind.take(piece)

    with pytest.raises(OSError, match="full"):
        await take_all()


@pytest.mark.parametrize("left", ["cancelled", "broken"])
async def test_what_was_taken_is_done_though_the_caller_leaves(left: str) -> None:
    done: list[int] = []
    taken: list[int] = []
    go_on = threading.Event()

    def slowly(piece: int) -> None:
        go_on.wait(PATIENCE_S)
        done.append(piece)

    async def leaves() -> None:
        async with Behind(slowly) as behind:
            for piece in range(1 if left == "broken" else MAX_WAITING + 2):  # there is no room for so many
                await behind.take(piece)
                taken.append(piece)
            asyncio.get_running_loop().call_soon(go_on.set)
            raise ConnectionError("the line broke")

    leaving = asyncio.create_task(leaves())
    await asyncio.sleep(0)
    if left == "cancelled":
        await asyncio.sleep(0)
        leaving.cancel()
        asyncio.get_running_loop().call_soon(go_on.set)
    with pytest.raises(ConnectionError if left == "broken" else asyncio.CancelledError):
        await leaving
    assert taken[:1] == [0]
    assert done == taken


async def test_one_that_always_has_work_leaves_threads_to_others() -> None:
    """However many downloads there are: the executor has few threads."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    count, done = 5 * IN_A_ROW, []
    waits = [threading.Event() for _ in range(count + 1)]

    def slow(piece: int) -> None:
        assert waits[piece + 1].wait(PATIENCE_S)  # the next one waits already
        done.append(piece)

    async def busy() -> None:
        async with Behind(slow) as behind:
            for piece in range(count):
                await behind.take(piece)
                waits[piece].set()
            waits[count].set()

    async def other() -> None:
        async with Behind(done.append) as behind:
            await behind.take(-1)

    await asyncio.gather(busy(), other())
    assert done.index(-1) <= IN_A_ROW
