"""Both services on PostgreSQL: two apis and a worker of each, on one database and one folder of artifacts."""

import csv
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from demo.processes import Begin, DidNotStart
from exportd_client import Export, ExportClient
from tests.e2e.conftest import PATIENT, House, opened_house
from tests.e2e.held import Held
from tests.servers.databases import new_database
from tests.servers.stores import new_store
from tests.tiers import deep

FLIGHTS = 336_776


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    return {"EXPORTD_DATABASE": new_store(), "EXPORTD_SECRET_KEY_FILE": str(key), **PATIENT}


@pytest.fixture
def houses(sample: Path, tmp_path: Path, settings: dict[str, str], forked: Begin) -> Iterator[list[House]]:
    """Each an api, on one data directory."""
    with ExitStack() as stack:
        houses = [stack.enter_context(opened_house(sample, tmp_path / "data", forked)) for _ in range(2)]
        for house in houses:
            house.api(**settings)
        yield houses


async def last(client: ExportClient, export: Export) -> Export:
    return [seen async for seen in client.watch(export.id)][-1]


async def test_what_one_api_takes_on_a_worker_of_the_other_builds_and_either_hands_out(
    houses: list[House], tmp_path: Path
) -> None:
    houses[1].worker(EXPORTD_SLOTS="2")
    async with ExportClient(houses[0].target) as here, ExportClient(houses[1].target) as there:
        export = await here.create("/flights", format="csv")
        done = await last(here, export)
        assert done.state == Export.STATE_COMPLETED
        assert done.file.row_count == FLIGHTS
        for name, client in (("here", here), ("there", there)):
            await client.download(await client.get(export.id), tmp_path / name)
            content = (tmp_path / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == done.file.sha256
        with (tmp_path / "here").open(newline="") as file:
            assert sum(1 for _ in csv.reader(file)) == FLIGHTS + 1


@deep
async def test_an_export_outlives_the_api_that_took_it_on(houses: list[House], held: Held, tmp_path: Path) -> None:
    first, second = houses
    second.worker()
    async with ExportClient(first.target) as here:
        export = await here.create("/held", format="csv")
    first.processes[0].kill()
    held.open()
    async with ExportClient(second.target) as there:
        done = await last(there, export)
        assert (done.state, done.attempt) == (Export.STATE_COMPLETED, 1)
        await there.download(done, tmp_path / "held.csv")


def test_an_api_refuses_a_database_without_tables_and_names_the_command(
    sample: Path, tmp_path: Path, settings: dict[str, str], forked: Begin
) -> None:
    with (
        opened_house(sample, tmp_path / "data", forked) as house,
        pytest.raises(DidNotStart, match="exportd-api migrate"),
    ):
        house.api(**settings | {"EXPORTD_DATABASE": new_database()})
