"""What several processes share on PostgreSQL beside what they have in common with one in memory."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.api.ports.live import Duty
from services.api.storage.postgres.connections import Address
from services.api.storage.postgres.database import PostgresDatabase
from services.contract.outcome import Phase, Progress
from services.contract.preview import Previewed
from tests.patience import PATIENCE_S
from tests.ports.driving import leased
from tests.ports.lives import Lives, hearing
from tests.ports.samples import SPEC
from tests.servers.databases import run

SECOND = timedelta(seconds=1)
LASTS = timedelta(seconds=6)


@pytest.fixture
async def lives():
    async with hearing(PATIENCE_S) as lives:
        yield lives


def keep_what_is_written(url: str, table: str, column: str) -> None:
    """Every value of a column, in the table `kept`."""
    run(
        url,
        f"CREATE TABLE kept AS SELECT {column} FROM {table} WHERE false",
        f"CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS "
        f"'BEGIN INSERT INTO kept VALUES (new.{column}); RETURN new; END'",
        f"CREATE TRIGGER keep AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION keep()",
    )


async def asked(url: str, query: str) -> list[tuple[object, ...]]:
    async with PostgresDatabase(Address(url)) as database:
        return [tuple(row) for row in await database.read(lambda db: db.execute(sa.text(query)).all())]


async def test_a_duty_is_that_of_one_process_until_it_is_gone(lives: Lives) -> None:
    here, there = lives.here.duties, lives.there.duties
    assert await here.mine(Duty.SWEEP, LASTS)
    assert not await there.mine(Duty.SWEEP, LASTS)
    assert await there.mine(Duty.COUNT, LASTS)  # another one is another matter
    for _ in range(20):
        lives.time.goes_on(SECOND)
        assert await here.mine(Duty.SWEEP, LASTS)
        assert not await there.mine(Duty.SWEEP, LASTS)
    lives.time.goes_on(LASTS)
    assert await there.mine(Duty.SWEEP, LASTS)
    assert not await here.mine(Duty.SWEEP, LASTS)


async def test_a_process_that_stops_leaves_its_duties_at_once(lives: Lives) -> None:
    assert await lives.here.duties.mine(Duty.EXPIRE, LASTS)
    await lives.here.duties.lay_down()
    assert await lives.there.duties.mine(Duty.EXPIRE, LASTS)


async def test_a_report_is_written_at_most_once_a_second(lives: Lives) -> None:
    export = (await leased(lives.store)).export
    keep_what_is_written(lives.url, "progress", "phase")
    for rows in range(1, 40):
        lives.here.announcements.progressed(export.id, Progress(Phase.WRITING, rows_written=rows))
        lives.time.goes_on(SECOND / 10)
    await lives.here.detached.settled()
    ((written,),) = await asked(lives.url, "SELECT count(*) FROM kept")
    assert 1 <= written <= 4
    assert (await lives.here.announcements.progress([export.id]))[export.id].rows_written == 39


async def test_an_answer_stands_in_the_database_only_sealed_and_not_for_long(lives: Lives) -> None:
    asking = asyncio.create_task(lives.here.preview_desk.show(SPEC, 1))
    preview = await lives.there.preview_desk.take(PATIENCE_S)
    assert preview is not None
    keep_what_is_written(lives.url, "previews", "answer")
    await lives.there.preview_desk.finish(preview.id, Previewed(('{"name": "somebody"}',)))
    assert (await asking).rows == ('{"name": "somebody"}',)
    ((sealed,),) = await asked(lives.url, "SELECT answer FROM kept")
    assert b"somebody" not in bytes(sealed)
    await lives.here.detached.settled()
    assert await asked(lives.url, "SELECT id FROM previews") == []


async def test_tables_that_change_with_each_report_are_not_logged(lives: Lives) -> None:
    kinds = dict(await asked(lives.url, "SELECT relname, relpersistence::text FROM pg_class WHERE relkind = 'r'"))
    assert {name: kinds[name] for name in ("progress", "watches", "previews", "workers", "duties")} == {
        "progress": "u", "watches": "u", "previews": "u", "workers": "p", "duties": "p",
    }  # fmt: skip


async def test_a_hint_that_makes_no_sense_has_everybody_look(lives: Lives) -> None:
    for payload in ("nonsense", '{"from":"x","d":[["UNKNOWN",""]]}', '{"from":"x","c":[["a","b"]]}'):
        with lives.there.announcements.poll() as poll:
            run(lives.url, f"SELECT pg_notify('exportd', '{payload}')")
            await poll.wait(PATIENCE_S)
            assert poll.woken
