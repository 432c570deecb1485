"""Work one piece behind: in order, all of it, and its failures where they belong."""

import asyncio
import threading

import pytest

from exportd_client.aio.behind import Behind
from tests.patience import PATIENCE_S


async def test_all_that_was_taken_is_done_in_order_and_one_piece_behind() -> None:
    done: list[int] = []
    seen = []
    async with Behind(done.append) as behind:
        for piece in range(100):
            await behind.take(piece)
            seen.append(len(done))
    assert done == list(range(100))
    assert all(piece <= count <= piece + 1 for piece, count in enumerate(seen))


async def test_the_caller_goes_on_while_a_piece_is_worked_on() -> None:
    go_on = threading.Event()
    async with Behind(lambda _: go_on.wait(PATIENCE_S)) as behind:
        await behind.take(1)
        go_on.set()


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
    go_on = threading.Event()

    def slowly(piece: int) -> None:
        go_on.wait(PATIENCE_S)
        done.append(piece)

    async def leaves() -> None:
        async with Behind(slowly) as behind:
            await behind.take(1)
            if left == "broken":
                asyncio.get_running_loop().call_soon(go_on.set)
                raise ConnectionError("the line broke")
            await behind.take(2)

    leaving = asyncio.create_task(leaves())
    await asyncio.sleep(0)
    if left == "cancelled":
        await asyncio.sleep(0)
        leaving.cancel()
        asyncio.get_running_loop().call_soon(go_on.set)
    with pytest.raises((ConnectionError, asyncio.CancelledError)):
        await leaving
    assert done == [1]
