"""Threads that read: what one query does to the others, and to those that come later."""

import asyncio

import pytest
import sqlalchemy as sa

from services.api.storage.sql.readers import MAX_TOGETHER, Readers
from services.api.storage.sqlite.database import reading_engine, set_up_reader, writing_engine
from services.api.storage.sqlite.faults import SqliteFaults
from services.api.storage.sqlite.long_readers import LongReaders
from services.contract.errors import StoreUnavailable


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some.sqlite3"
    with writing_engine(path).begin() as db:
        db.exec_driver_sql("CREATE TABLE numbers (n INTEGER)")
        db.exec_driver_sql("INSERT INTO numbers VALUES (1), (2), (3)")
    return path


@pytest.fixture
async def readers(file):
    opened = Readers(reading_engine(file), SqliteFaults(), 1, "reader")
    yield opened
    await opened.close()


def total(db):
    return db.exec_driver_sql("SELECT sum(n) FROM numbers").scalar()


def missing(db):
    return db.exec_driver_sql("SELECT n FROM nowhere").scalar()


async def test_one_that_fails_takes_no_other_along(readers):
    asked = [readers.run(query) for query in [total, missing] * MAX_TOGETHER]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[::2] == [6] * MAX_TOGETHER
    assert all(isinstance(answer, sa.exc.OperationalError) for answer in answers[1::2])


async def test_what_a_failed_query_left_open_is_not_what_later_ones_see(readers, file):
    def half_read(db):
        db.info["left"] = db.exec_driver_sql("SELECT n FROM numbers").fetchone
        db.info["left"]()
        missing(db)

    with pytest.raises(sa.exc.OperationalError):
        await readers.run(half_read)
    with writing_engine(file).begin() as db:
        db.exec_driver_sql("INSERT INTO numbers VALUES (10)")
    assert await readers.run(total) == 16


async def test_a_reader_cannot_write(readers):
    with pytest.raises(StoreUnavailable):  # SQLITE_READONLY
        await readers.run(lambda db: db.exec_driver_sql("DELETE FROM numbers"))
    assert await readers.run(total) == 6


async def test_a_caller_that_leaves_holds_up_nobody(readers):
    leaving = asyncio.ensure_future(readers.run(total))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await readers.run(total) == 6


async def test_what_was_asked_is_answered_before_the_end(file):
    readers = Readers(reading_engine(file), SqliteFaults(), 2, "reader")
    asked = [asyncio.ensure_future(readers.run(total)) for _ in range(2 * MAX_TOGETHER)]
    await asyncio.sleep(0)
    await readers.close()
    assert await asyncio.gather(*asked) == [6] * len(asked)
    with pytest.raises(StoreUnavailable):
        await readers.run(total)


async def test_long_ones_see_what_is_committed_cannot_write_and_end_with_their_close(file):
    readers = LongReaders(file, 1, set_up_reader)
    assert await readers.run(total) == 6
    with writing_engine(file).begin() as db:
        db.exec_driver_sql("INSERT INTO numbers VALUES (10)")
    assert await asyncio.gather(*(readers.run(total) for _ in range(5))) == [16] * 5
    with pytest.raises(StoreUnavailable):
        await readers.run(lambda db: db.exec_driver_sql("DELETE FROM numbers"))
    with pytest.raises(sa.exc.OperationalError):
        await readers.run(missing)
    await readers.close()
    with pytest.raises(StoreUnavailable):
        await readers.run(total)
