"""exportctl top, against a real api: on a terminal, in a pipe, for programs."""

import asyncio
import json
import os
import pty
import re
import sys
import termios

import pytest

from exportd.v1 import export_pb2
from exportd_client import ExportClient, Queue, Worker
from exportd_client.cli.snapshot import Snapshot, shares
from tests.integration.api.conftest import Api
from tests.integration.api.conftest import Worker as ByHand
from tests.integration.api.test_exportctl_operating import exportctl
from tests.patience import PATIENCE_S

WITH_THIS_TERMINAL = """
import fcntl, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("exportd_client.cli", run_name="__main__")
"""
"""exportctl, which Ctrl-C reaches, as it has a terminal of its own."""


async def busy(api: Api, worker: ByHand) -> str:
    """One that runs, one that waits; the id of the former."""
    running = await api.create()
    (job,) = await worker.lease()
    progress = export_pb2.Progress(phase=export_pb2.Progress.PHASE_WRITING, rows_written=1_000, rows_total=4_000)
    await worker.heartbeat(job, progress=progress)
    await api.create()
    return running.id


async def test_a_program_gets_one_snapshot(api: Api, worker: ByHand) -> None:
    running = await busy(api, worker)
    code, out, err = await exportctl(api, "top", "--output", "json")
    seen = json.loads(out)
    assert (code, err) == (0, "")
    assert [part["tenant"] for part in seen["queue"]["tenants"]] == ["default"]
    assert [(export["exportId"], export["progress"]["rowsTotal"]) for export in seen["running"]] == [(running, "4000")]
    assert [each["id"] for each in seen["workers"]] == [worker.id]


async def test_the_running_exports_are_those_of_all_tenants(api: Api, worker: ByHand) -> None:
    for tenant in ("acme", "zeta"):
        async with ExportClient(api.target, tenant) as client:
            await client.create("/shops/7/orders", format="csv")
    await worker.lease(max_jobs=2)
    for tenant in ("acme", "nobody"):
        code, out, _ = await exportctl(api, "--tenant", tenant, "top", "--output", "json")
        seen = json.loads(out)["running"]
        assert code == 0
        assert [(export["tenant"], export["workerId"], export["attempt"]) for export in seen] == [
            ("acme", worker.id, 1),
            ("zeta", worker.id, 1),
        ]
        assert not {key for export in seen for key in export} & {"uri", "labels", "options"}


async def test_a_pipe_gets_one_snapshot(api: Api, worker: ByHand) -> None:
    running = await busy(api, worker)
    code, out, _ = await exportctl(api, "top")
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert "1 queued, 1 running, 0 to be retried" in out
    assert ["default", "1", "1", "0", "any", "1"] in lines
    assert [[line[1], *line[4:]] for line in lines if line[:1] == [running]] == [["default", "25%", "-", "Orders"]]
    assert [line[1:3] for line in lines if line[:1] == [worker.id]] == [["1", "0"]]


@pytest.mark.parametrize("end", [b"q", b"\x03"])
async def test_a_terminal_is_drawn_again_and_again_until_somebody_leaves(api: Api, worker: ByHand, end: bytes) -> None:
    running = await busy(api, worker)
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (24, 80))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WITH_THIS_TERMINAL, "--target", api.target, "top", "--interval", "0.1"),
        env={**os.environ, "TERM": "xterm"},
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    )
    os.close(inner)
    os.set_blocking(outer, False)
    seen = await _read_until(outer, lambda text: text.count("RUNNING EXPORT") >= 3)
    os.write(outer, end)
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == (0 if end == b"q" else 130)
    seen += await _read_until(outer, lambda _text: False)
    os.close(outer)
    assert seen.startswith("\x1b[?1049h")
    assert "\x1b[?1049l" in seen
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "")
    assert re.search(rf"{running} +default +\d+s +writing +25% +- +Orders", plain)
    assert worker.id in plain


async def _read_until(terminal: int, enough) -> str:
    """What a terminal shows until it is enough, or nobody writes any more."""
    seen = ""
    async with asyncio.timeout(PATIENCE_S):
        while not enough(seen):
            try:
                data = os.read(terminal, 65_536)
            except BlockingIOError:
                await asyncio.sleep(0.01)  # between two looks
                continue
            except OSError:  # a terminal ends with EIO
                break
            if not data:
                break
            seen += data.decode(errors="replace")
    return seen


def test_rows_share_the_room_that_there_is() -> None:
    assert shares([2, 50, 5], None) == [2, 50, 5]
    assert shares([2, 50, 5], 12) == [2, 5, 5]
    assert shares([2, 3, 1], 12) == [2, 3, 1]
    assert shares([9, 9, 9], 4) == [2, 1, 1]
    assert shares([9, 9, 9], -3) == [0, 0, 0]


def test_a_small_terminal_shows_how_many_rows_it_leaves_out() -> None:
    tenants = [{"tenant": f"tenant-{n:03}", "queued": n} for n in range(100)]
    snapshot = Snapshot(Queue(tenants=tenants), (), [Worker(id=f"{n:036}") for n in range(50)])
    lines = [*snapshot.lines(80, 24)]
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "tenant-000" in lines[3]
    assert [line for line in lines if "more" in line] == ["… 93 more", "… 43 more"]
