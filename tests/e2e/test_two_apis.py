"""Two apis on one PostgreSQL as one: whatever is asked of one of them, the worker calls the other."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from exportd_client import Export, ExportClient
from services.api.storage.postgres.connections import Address
from tests.e2e.conftest import PATIENT, House, opened_house
from tests.e2e.held import Held
from tests.patience import PATIENCE_S
from tests.servers.stores import new_store
from tests.tiers import deep

pytestmark = deep

LISTENING = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"


@pytest.fixture(scope="module")
def url() -> str:
    return new_store()


@contextmanager
def two(sample: Path, folder: Path, url: str) -> Iterator[list[House]]:
    """An api each."""
    folder.mkdir(exist_ok=True)
    (folder / "key").write_bytes(b"k" * 32)
    settings = {"EXPORTD_DATABASE": url, "EXPORTD_SECRET_KEY_FILE": str(folder / "key"), **PATIENT}
    with ExitStack() as stack:
        houses = [stack.enter_context(opened_house(sample, folder / "data")) for _ in range(2)]
        for house in houses:
            house.api(**settings)
        yield houses


@pytest.fixture(scope="module")
def houses(sample: Path, tmp_path_factory: pytest.TempPathFactory, url: str) -> Iterator[list[House]]:
    with two(sample, tmp_path_factory.mktemp("two"), url) as houses:
        yield houses


@pytest.fixture
async def here(houses: list[House]) -> AsyncIterator[ExportClient]:
    async with ExportClient(houses[0].target) as client:
        yield client


@pytest.fixture
def worker(houses: list[House]) -> Iterator[None]:
    """Of the second api."""
    worker = houses[1].worker()
    yield
    worker.terminate()


async def seen(client: ExportClient, export: Export, wanted: str) -> Export:
    """The first that a watch shows of which `wanted` holds."""
    conditions = {
        "progress": lambda shown: shown.progress.rows_written > 0,
        "done": lambda shown: shown.state in {Export.STATE_COMPLETED, Export.STATE_CANCELLED},
    }
    async with asyncio.timeout(PATIENCE_S):
        async for shown in client.watch(export.id):
            if conditions[wanted](shown):
                return shown
    raise AssertionError("the watch ended")


@deep
async def test_a_worker_of_the_other_api_is_listed_and_drained(sample: Path, tmp_path: Path) -> None:
    """At apis of its own, where no worker was there before."""
    with two(sample, tmp_path / "own", new_store()) as houses:
        async with ExportClient(houses[0].target) as here, ExportClient(houses[1].target) as there:
            waiting = await here.create("/airports", format="csv")
            assert waiting.wait_reason == Export.WAIT_REASON_NO_WORKER
            worker = houses[1].worker()
            assert (await seen(here, waiting, "done")).state == Export.STATE_COMPLETED
            (listed,) = await here.operator.workers()
            await here.operator.drain(listed.id)
            assert await asyncio.to_thread(worker.wait_ended, PATIENCE_S) == 0
            for client in (here, there):
                after = await client.create("/airports", format="csv")
                assert after.wait_reason == Export.WAIT_REASON_NO_WORKER


async def test_progress_and_a_cancel_go_through_the_other_api(worker: None, here: ExportClient, held: Held) -> None:
    export = await seen(here, await here.create("/held", format="csv"), "progress")
    assert export.state == Export.STATE_PROCESSING
    shown = await here.get(export.id)
    assert shown.progress.rows_written > 0
    await here.cancel(export.id)
    after = await here.create("/airports", format="csv")  # the one slot is free though the other one is still held
    assert (await seen(here, after, "done")).state == Export.STATE_COMPLETED


async def test_a_preview_is_answered_by_a_worker_of_the_other_api(worker: None, here: ExportClient) -> None:
    shown = await here.preview("/airports", max_rows=3)
    assert len(shown.rows) == 3


@deep
async def test_hints_that_are_cut_off_cost_a_moment_and_come_again(
    url: str, houses: list[House], worker: None, here: ExportClient
) -> None:
    engine = Address(url).writing_engine()
    with engine.connect() as db:
        ended = db.execute(sa.text(f"SELECT pg_terminate_backend(pid) {LISTENING}")).all()
        assert len(ended) == 2
        export = await here.create("/airports", format="csv")
        assert (await seen(here, export, "done")).state == Export.STATE_COMPLETED
        async with asyncio.timeout(PATIENCE_S):
            while db.execute(sa.text(f"SELECT count(*) {LISTENING}")).scalar() != 2:
                db.commit()
                await asyncio.sleep(0.05)  # nothing says when
    engine.dispose()
    assert houses[0].processes[0].log.read_text().count('"hints_lost"') >= 2
