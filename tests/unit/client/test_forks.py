"""SyncExportClient in servers that fork or have threads: gunicorn, Celery, Django."""

import asyncio
import os
import sys

import pytest

from exportd_client import SyncExportClient
from exportd_client.sync import line
from tests.patience import PATIENCE_S
from tests.unit.client.fake_export_service import FakeExportService, Serving

THREADS = 16


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.parametrize("mode", ["idle", "watching"])
async def test_a_client_made_before_a_fork_works_in_parent_and_children(
    serving: Serving, fake: FakeExportService, mode: str
) -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.client.sync_program", serving.target, mode),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | ({"GRPC_ENABLE_FORK_SUPPORT": "1"} if mode == "watching" else {}),  # see docs/clients.md
    )
    async with asyncio.timeout(PATIENCE_S):
        out, err = await program.communicate()
    assert program.returncode == 0, err.decode()
    ids = out.decode().split()
    assert len({*ids}) == len(ids) == 6  # the parent's three, and one a child
    assert {*ids} <= fake.exports.keys()


async def test_threads_share_one_line(
    serving: Serving, fake: FakeExportService, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    make = line._channel
    monkeypatch.setattr(line, "_channel", lambda endpoint: opened.append(endpoint) or make(endpoint))
    client = SyncExportClient(serving.target)
    assert opened == []  # a client that is made at import connects to nothing
    created = await asyncio.gather(*(asyncio.to_thread(client.create, "/invoices") for _ in range(THREADS)))
    assert len({export.id for export in created}) == len(fake.exports) == THREADS
    assert len(opened) == 1
    client.close()
