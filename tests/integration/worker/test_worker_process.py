"""The worker as its own process, without an api."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from tests.patience import PATIENCE_S

SETTINGS = {
    "EXPORTD_QUEUE_ADDRESS": "127.0.0.1:1",
    "EXPORTD_WORKER_METRICS": "off",
    "EXPORTD_LOG_FORMAT": "json",
    "EXPORTD_SLOTS": "1",
}


@asynccontextmanager
async def worker(tmp_path: Path, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    (tmp_path / "sources.toml").write_text("")
    own = {"EXPORTD_SOURCES": str(tmp_path / "sources.toml"), "EXPORTD_DATA_DIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("exportd-worker"),
        env={**os.environ, **SETTINGS, **own, **more},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def event(process: asyncio.subprocess.Process, name: str) -> dict[str, object]:
    """Read its log up to the line with this event. gRPC writes lines of its own there."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        async for line in process.stderr:
            found = json.loads(line) if line.startswith(b"{") else {}
            if found.get("event") == name:
                return dict(found)
    raise AssertionError(f"the log ended without {name}")


async def test_it_waits_for_an_api_that_is_away_and_stops_when_told(tmp_path: Path) -> None:
    async with worker(tmp_path) as process:
        await event(process, "heartbeat_unanswered")
        process.send_signal(signal.SIGTERM)
        await event(process, "worker_stopped")
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


async def test_it_sweeps_what_the_dead_left_when_it_starts_and_when_it_ends(tmp_path: Path) -> None:
    spool, scratch = tmp_path / "artifacts" / ".spool", tmp_path / "artifacts" / ".scratch"
    for folder in (spool, scratch / "dead"):
        folder.mkdir(parents=True)
    (spool / "e1.l1.export.csv").write_text("half")
    (scratch / "dead" / "lock").touch()
    async with worker(tmp_path) as process:
        assert (await event(process, "worker_ready"))["swept"] == 2
        assert [*spool.iterdir(), *scratch.iterdir()] == []
        (spool / "e1.l2.export.csv").write_text("of a child that was killed")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
    assert list(spool.iterdir()) == []


async def test_none_of_its_children_has_a_secret_of_its_environment(tmp_path: Path) -> None:
    async with worker(tmp_path, EXPORTD_SOURCE_PASSWORD="hunter2") as process:
        await event(process, "worker_ready")
        children = psutil.Process(process.pid).children(recursive=True)
        seen = [Path(f"/proc/{child.pid}/environ").read_text() for child in children]
    assert len(seen) >= 2  # the server that forks, and what it forked
    assert all("PATH=" in environ and "hunter2" not in environ for environ in seen)


async def test_mistaken_settings_are_told_in_one_message_and_end_it(tmp_path: Path) -> None:
    async with worker(tmp_path, EXPORTD_SLOTS="0", EXPORTD_DRAIN_GRACE_S="soon") as process:
        _, told = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == 2
    assert "EXPORTD_SLOTS" in told.decode()
    assert "EXPORTD_DRAIN_GRACE_S" in told.decode()


async def test_mistaken_sources_end_it_too(tmp_path: Path) -> None:
    async with worker(tmp_path, EXPORTD_SOURCES=str(tmp_path / "nowhere.toml")) as process:
        _, told = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == 2
    assert "nowhere.toml" in told.decode()


async def test_a_metrics_port_that_is_taken_ends_it_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with worker(tmp_path, EXPORTD_WORKER_METRICS=address) as process:
            _, told = await asyncio.wait_for(process.communicate(), PATIENCE_S)
            assert process.returncode == 2
    assert f"cannot listen on {address}" in told.decode()
    assert "Traceback" not in told.decode()
