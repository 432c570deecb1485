"""Files on their way to readers: every byte, or an error."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from exportd.v1.export_service_pb2 import DownloadFileResponse
from services.api.rpc.download_stream import IN_FLIGHT, LARGE, SMALL, ChunkBudget, send
from services.api.usecases.downloads import Download
from services.contract.errors import FileDamaged
from tests.ports.samples import new_export, new_file

CONTENT = bytes(range(256)) * (3 * SMALL // 256) + b"the end"
"""Small chunks, and a last one that is shorter."""

QUICK_S, SLOW_S = 0.01, 1.0


class Reader:
    """An open file. `cut` makes of the bytes that are read at an offset those that come."""

    def __init__(self, content: bytes, cut: Callable[[bytes, int], bytes] = lambda data, _: data) -> None:
        self.size_bytes = len(content)
        self._content = content
        self._cut = cut

    async def read(self, offset: int, length: int) -> bytes:
        return self._cut(self._content[offset : offset + length], offset)

    async def close(self) -> None:
        """Nothing is to be given back."""


@dataclass
class Caller:
    """Takes each message in `seconds`, on the clock of these tests."""

    seconds: float = SLOW_S
    now: float = 0.0
    received: list[DownloadFileResponse] = field(default_factory=list)

    async def write(self, message: DownloadFileResponse) -> None:
        self.now += self.seconds
        self.received.append(message)

    @property
    def chunks(self) -> list[bytes]:
        header, *data = self.received
        assert [m.WhichOneof("payload") for m in (header, *data)] == ["header", *["data"] * len(data)]
        return [message.data for message in data]


async def sent(reader: Reader, offset: int = 0, seconds: float = SLOW_S, budget: ChunkBudget | None = None) -> Caller:
    caller, export = Caller(seconds), new_export()
    download = Download(export, new_file(export.id), reader, offset, reader.size_bytes)
    context: Any = caller  # that of a call has far more
    await send(download, context, budget or ChunkBudget(), lambda: caller.now)
    return caller


@pytest.mark.parametrize("offset", [0, 1, SMALL, len(CONTENT) - 1, len(CONTENT)])
async def test_every_byte_arrives(offset: int) -> None:
    assert b"".join((await sent(Reader(CONTENT), offset)).chunks) == CONTENT[offset:]


@pytest.mark.parametrize("at", [0, SMALL, 3 * SMALL], ids=["the first chunk", "one between", "the last chunk"])
@pytest.mark.parametrize("left", [0, 3], ids=["gone", "short"])
async def test_a_file_that_got_shorter_is_damaged_wherever_it_ends(at: int, left: int) -> None:
    reader = Reader(CONTENT, lambda data, offset: data[:left] if offset == at else data)
    with pytest.raises(FileDamaged):
        await sent(reader)


async def test_a_file_that_cannot_be_read_is_damaged() -> None:
    def broken(_data: bytes, _offset: int) -> bytes:
        raise OSError("the disk is gone")

    with pytest.raises(FileDamaged):
        await sent(Reader(CONTENT, broken))


async def test_chunks_grow_for_whoever_keeps_up_and_only_then() -> None:
    content = bytes(5 * LARGE)
    quick = [len(chunk) for chunk in (await sent(Reader(content), seconds=QUICK_S)).chunks]
    assert quick[:6] == [SMALL, 2 * SMALL, 4 * SMALL, 8 * SMALL, LARGE, LARGE]
    assert {len(chunk) for chunk in (await sent(Reader(content))).chunks} == {SMALL}


async def test_the_budget_of_large_chunks_is_given_back_at_the_end_and_after_damage() -> None:
    room = (LARGE - SMALL) * IN_FLIGHT
    budget, content = ChunkBudget(room), bytes(5 * LARGE)
    with pytest.raises(FileDamaged):
        await sent(Reader(content, lambda data, at: data if at < 3 * LARGE else b""), seconds=QUICK_S, budget=budget)
    for _ in range(2):
        assert len((await sent(Reader(content), seconds=QUICK_S, budget=budget)).chunks[5]) == LARGE
    assert budget.resized(SMALL, LARGE) == LARGE  # and it is all there again
    assert {len(chunk) for chunk in (await sent(Reader(content), seconds=QUICK_S, budget=budget)).chunks} == {SMALL}
