"""Files on their way to readers: every byte, or an error."""

import asyncio
import gc
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeVar

import pytest

from exportd.v1.export_service_pb2 import DownloadFileResponse
from services.api.domain.audit import NOBODY
from services.api.rpc import encode
from services.api.rpc.download_stream import IN_FLIGHT, LARGE, SMALL, PieceBudget, send
from services.api.secrets.seals import Seals
from services.api.usecases.download_log import Sending
from services.api.usecases.downloads import Download
from services.contract.errors import FileDamaged
from tests.ports.samples import START, new_export, new_file

CONTENT = bytes(range(256)) * (3 * SMALL // 256) + b"the end"
"""Small chunks, and a last one that is shorter."""

QUICK_S, SLOW_S = 0.01, 1.0

T = TypeVar("T")


class Reader:
    """An open file. `cut` makes of the bytes that are read at an offset those that come.

    `in_memory` says whether the bytes at an offset need no wait.
    """

    def __init__(
        self,
        content: bytes,
        cut: Callable[[bytes, int], bytes] = lambda data, _: data,
        in_memory: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self.size_bytes = len(content)
        self.begun: list[tuple[int, int]] = []
        self.tried: list[int] = []
        self._content = content
        self._cut = cut
        self._in_memory = in_memory

    def fill(self, offset: int, into: memoryview) -> bool:
        self.tried.append(offset)
        into[:] = bytes(len(into))  # also where less than that is found
        if not self._in_memory(offset):
            return False
        data = self._cut(self._content[offset : offset + len(into)], offset)
        if len(data) < len(into):
            return False
        into[:] = data
        return True

    async def read(self, offset: int, length: int, then: Callable[[bytes], T]) -> T:
        self.begun.append((offset, length))
        return then(self._cut(self._content[offset : offset + length], offset))

    async def close(self) -> None:
        """Nothing is to be given back."""


@dataclass
class Caller:
    """Takes each message in `seconds`, on the clock of these tests."""

    seconds: float = SLOW_S
    now: float = 0.0
    received: list[DownloadFileResponse] = field(default_factory=list)

    async def write(self, message: bytes) -> None:
        await asyncio.sleep(0)  # what is read ahead begins
        self.now += self.seconds
        self.received.append(DownloadFileResponse.FromString(message))

    @property
    def chunks(self) -> list[bytes]:
        header, *data = self.received
        assert [m.WhichOneof("payload") for m in (header, *data)] == ["header", *["data"] * len(data)]
        return [message.data for message in data]


async def sent(  # noqa: PLR0917
    reader: Reader,
    offset: int = 0,
    seconds: float = SLOW_S,
    budget: PieceBudget | None = None,
    caller: Caller | None = None,
    sha256: str = "",
    seals: Seals | None = None,
) -> Caller:
    """Without a hash the file is another one than this export's: its bytes are sent as a part of it."""
    caller, export = caller or Caller(seconds), new_export()
    file = new_file(export.id)
    if sha256:
        file = replace(file, artifact=replace(file.artifact, sha256=sha256, size_bytes=reader.size_bytes))
    context: Any = caller  # that of a call has far more
    inspection = (seals or Seals()).inspection(sha256) if sha256 else None
    download = Download(export, file, reader, offset, reader.size_bytes, inspection)
    await send(Sending("d1", download, NOBODY, START), context, budget or PieceBudget(), lambda: caller.now)
    return caller


IN_MEMORY = {
    "nothing": lambda _: False,
    "all": lambda _: True,
    "the beginning": lambda offset: offset < 2 * SMALL,
    "each other piece": lambda offset: offset // SMALL % 2 == 1,
}


@pytest.mark.parametrize("in_memory", IN_MEMORY.values(), ids=IN_MEMORY)
@pytest.mark.parametrize("offset", [0, 1, SMALL, len(CONTENT) - 1, len(CONTENT)])
async def test_every_byte_arrives(offset: int, in_memory: Callable[[int], bool]) -> None:
    assert b"".join((await sent(Reader(CONTENT, in_memory=in_memory), offset)).chunks) == CONTENT[offset:]


@pytest.mark.parametrize("in_memory", IN_MEMORY.values(), ids=IN_MEMORY)
async def test_bytes_of_large_pieces_arrive_in_order_wherever_they_are(in_memory: Callable[[int], bool]) -> None:
    content = random.Random(3).randbytes(4 * LARGE + 77)
    seals, sha256 = Seals(), hashlib.sha256(content).hexdigest()
    for _ in range(2):  # the second time by the code
        chunks = (await sent(Reader(content, in_memory=in_memory), 0, QUICK_S, sha256=sha256, seals=seals)).chunks
        assert b"".join(chunks) == content


async def test_bytes_in_memory_are_read_without_another_thread_once_they_are_known() -> None:
    seals, reads = Seals(), []
    for _ in range(2):
        reader = Reader(CONTENT, in_memory=lambda _: True)
        await sent_whole(reader, seals)
        reads.append((len(reader.tried), len(reader.begun)))
    assert reads == [(0, 4), (4, 0)]  # a sha256 takes too long for the event loop


async def test_damage_in_memory_is_found_by_the_code_as_well() -> None:
    seals = Seals()
    await sent_whole(Reader(CONTENT), seals)
    with pytest.raises(FileDamaged):
        await sent_whole(Reader(CONTENT, lambda data, at: data if at else b"X" + data[1:], lambda _: True), seals)


async def test_a_file_that_is_not_in_memory_is_seldom_looked_for_there() -> None:
    reader = Reader(bytes(200 * SMALL))
    await sent(reader)
    assert [offset // SMALL for offset in reader.tried] == [0, 2, 5, 10, 19, 36, 69, 134, 199]


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
    assert quick[0] == SMALL
    assert all(size <= following <= 4 * size for size, following in pairwise(quick[:9]))  # one is begun ahead
    assert quick[8] == LARGE
    assert {len(chunk) for chunk in (await sent(Reader(content))).chunks} == {SMALL}


async def test_the_budget_of_large_chunks_is_given_back_at_the_end_and_after_damage() -> None:
    room = (LARGE - SMALL) * IN_FLIGHT
    budget, content = PieceBudget(room), bytes(5 * LARGE)
    with pytest.raises(FileDamaged):
        await sent(Reader(content, lambda data, at: data if at < 3 * LARGE else b""), seconds=QUICK_S, budget=budget)
    for _ in range(2):
        assert len((await sent(Reader(content), seconds=QUICK_S, budget=budget)).chunks[7]) == LARGE
    assert budget.resized(SMALL, LARGE) == LARGE  # and it is all there again
    assert {len(chunk) for chunk in (await sent(Reader(content), seconds=QUICK_S, budget=budget)).chunks} == {SMALL}


@pytest.mark.parametrize("length", [1, 127, 128, 16_383, 16_384, LARGE - 1, LARGE])
def test_the_wire_form_of_data_is_that_of_protobuf(length: int) -> None:
    data = bytes(range(256)) * (length // 256) + bytes(range(length % 256))
    assert encode.download_data(data) == DownloadFileResponse(data=data).SerializeToString()


async def test_a_whole_file_ends_only_with_its_hash_and_a_part_of_it_with_its_bytes() -> None:
    def changed(data: bytes, offset: int) -> bytes:
        return data if offset else b"X" + data[1:]

    await sent_whole(Reader(CONTENT))
    with pytest.raises(FileDamaged):
        await sent_whole(Reader(CONTENT, changed))
    assert (await sent(Reader(CONTENT, changed), 1)).chunks


async def test_one_piece_is_read_ahead_and_no_more() -> None:
    class Stops(Caller):
        async def write(self, message: bytes) -> None:
            await super().write(message)
            if len(self.received) == 3:
                raise ConnectionError("the reader has left")

    reader = Reader(CONTENT)
    with pytest.raises(ConnectionError):
        await sent_whole(reader, caller=Stops())
    assert [offset for offset, _ in reader.begun] == [0, SMALL, 2 * SMALL]


async def test_a_piece_in_memory_is_read_when_it_is_needed() -> None:
    class Notes(Caller):
        async def write(self, message: bytes) -> None:
            await super().write(message)
            tried.append(len(reader.tried))

    tried: list[int] = []
    reader = Reader(CONTENT, in_memory=lambda _: True)
    await sent(reader, caller=Notes())
    assert tried == [0, 1, 2, 3, 4]


async def test_damage_that_was_found_ahead_of_a_reader_who_left_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    class Leaves(Caller):
        async def write(self, message: bytes) -> None:
            await super().write(message)
            if len(self.received) == 2:
                raise ConnectionError("the reader has left")

    with pytest.raises(ConnectionError):
        await sent(Reader(CONTENT, lambda data, at: data if at < SMALL else b""), caller=Leaves())
    gc.collect()
    assert caplog.records == []


async def sent_whole(reader: Reader, seals: Seals | None = None, caller: Caller | None = None) -> Caller:
    """As `sent`, of a file whose hash is known."""
    return await sent(reader, caller=caller, sha256=hashlib.sha256(CONTENT).hexdigest(), seals=seals)
