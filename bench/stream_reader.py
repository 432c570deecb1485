"""The reader for the measurements of downloads.

`python -m bench.stream_reader` reads the request in JSON from its standard input and prints its figures. The bytes are
kept in memory and hashed after the clock has stopped, so that hashing is not measured and yet every run is checked.
"""

import asyncio
import hashlib
import json
import mmap
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
import uvloop

from bench.access import Access
from exportd_client import ExportClient

_TENANT = "default"


@dataclass(frozen=True, slots=True)
class Asked:
    """One stream. `request` is in hexadecimal; with `framed` messages are DownloadFileResponse, the first one a header.

    With a `path` ExportClient downloads the export with the id `method` to it.
    """

    target: str
    method: str
    size_bytes: int
    request: str = ""
    framed: bool = False
    path: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """The elapsed seconds of one stream, and the processor seconds of this process."""

    seconds: float
    cpu_s: float
    sha256: str


async def read(asked: Asked) -> Read:
    """Read the whole stream into memory whose pages were touched before the clock starts."""
    with mmap.mmap(-1, asked.size_bytes) as kept:
        kept.write(bytes(asked.size_bytes))
        kept.seek(0)
        async with Access.of_process().channel(asked.target) as channel:
            await channel.channel_ready()
            took = await _timed(lambda: _fill(kept, channel, asked))
        return Read(*took, hashlib.sha256(memoryview(kept)[: kept.tell()]).hexdigest())


def download(asked: Asked) -> Read:
    """Download to a file, as programs do."""
    path = Path(asked.path)
    path.unlink(missing_ok=True)
    took = asyncio.run(_download(asked, path))
    with path.open("rb") as arrived:
        found = hashlib.file_digest(arrived, "sha256").hexdigest()
    path.unlink()
    return Read(*took, found)


async def _download(asked: Asked, path: Path) -> tuple[float, float]:
    async with ExportClient(asked.target) as client:
        file = await client.file_of(asked.method)
        return await _timed(lambda: client.download(file, path))


async def _timed(measured: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    started, cpu_s = time.perf_counter(), time.process_time()
    await measured()
    return time.perf_counter() - started, time.process_time() - cpu_s


def called(channel: grpc.aio.Channel, asked: Asked) -> "grpc.aio.UnaryStreamCall[bytes, bytes]":
    """Start the call, whose messages are not parsed."""
    method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(asked.method)
    return method(bytes.fromhex(asked.request), metadata=Access.of_process().metadata(_TENANT))


async def _fill(kept: mmap.mmap, channel: grpc.aio.Channel, asked: Asked) -> None:
    call = called(channel, asked)
    if asked.framed:
        await call.read()
    while isinstance(message := await call.read(), bytes):
        kept.write(_data(message) if asked.framed else message)


def _data(message: bytes) -> memoryview:
    """Return the only field of a message: the bytes after its number and its length.

    The length ends with a byte below 128.
    """
    begin = next(place for place in range(1, len(message)) if message[place] < 0x80) + 1
    return memoryview(message)[begin:]


def main() -> None:
    """Read one stream."""
    asked = Asked(**json.load(sys.stdin))
    took = download(asked) if asked.path else uvloop.run(read(asked))
    print(json.dumps(asdict(took)))


if __name__ == "__main__":
    main()
