"""exportctl as a process, and what tests of it share."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exportd_client import Export
from tests.patience import PATIENCE_S
from tests.servers.warm import Started
from tests.unit.client.fake_export_service import FakeExportService, eventually

CONTENT = b"id,total\r\n1,10.00\r\n2,20.00\r\n3,30.00\r\n"
PROGRAM = (sys.executable, "-m", "exportd_client.cli")


@dataclass
class Ended:
    code: int | None
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def json_error(self) -> Any:
        return json.loads(self.err)


Exportctl = Callable[..., Awaitable[Ended]]
Start = Callable[..., Awaitable[Started]]


async def end_of(process: Started) -> Ended:
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    assert b"\x1b" not in out + err, "a pipe gets no control characters"
    return Ended(process.returncode, out, err.decode())


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def build(fake: FakeExportService, content: bytes = CONTENT, attachments: bytes | None = None) -> Export:
    """Builds the export that is asked for next, once somebody watches."""
    await eventually(lambda: fake.watchers)
    [export] = fake.exports.values()
    await fake.change(export.id, state=Export.STATE_PROCESSING)
    export.progress.phase, export.progress.rows_written, export.progress.rows_total = 2, 2, 3
    await fake.change(export.id)
    fake.put_file(export.id, content)
    if attachments is not None:
        fake.put_attachments(export.id, attachments)
    await fake.change(export.id, state=Export.STATE_COMPLETED)
    return export


async def question(process: Started, word: str) -> bytes:
    """Reads up to the end of the question `word`; what is typed from then on is not shown."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        return await process.stderr.readuntil(f"{word}: ".encode())


def read_all(descriptor: int) -> bytes:
    seen = b""
    try:
        while data := os.read(descriptor, 65_536):
            seen += data
    except OSError:  # a terminal ends with EIO
        pass
    os.close(descriptor)
    return seen
