"""SyncExportClient in servers that fork: gunicorn, Celery, multiprocessing."""

import asyncio
import os
import sys

import pytest

from tests.patience import PATIENCE_S
from tests.unit.client.fake_export_service import FakeExportService, Serving

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")]


@pytest.mark.parametrize("mode", ["idle", "watching"])
async def test_a_client_made_before_a_fork_works_in_parent_and_children(
    serving: Serving, fake: FakeExportService, mode: str
) -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.client.sync_program", serving.target, mode),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, err = await program.communicate()
    assert program.returncode == 0, err.decode()
    ids = out.decode().split()
    assert len({*ids}) == len(ids) == 6  # the parent's three, and one a child
    assert {*ids} <= fake.exports.keys()
