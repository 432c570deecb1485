"""Threads that read: what one query does to the others, and to those that come later."""

import asyncio
from itertools import zip_longest

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

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


class Doubles:
    """A verb that doubles numbers. It counts its calls, fails as a whole or for one item, or finds no database."""

    def __init__(self, bad=None, refused=None, away=False):
        self.bad, self.refused, self.away, self.calls = bad, refused, away, []

    def verb(self, db, numbers):
        self.calls.append([*numbers])
        if self.away:
            raise StoreUnavailable
        if self.bad in numbers:
            missing(db)
        own = db.exec_driver_sql("SELECT 2").scalar()
        return [ValueError(number) if number == self.refused else own * number for number in numbers]


async def asked_together(readers, doubles, numbers, *, among=()):
    """What each caller gets if all ask in one turn of the loop, among other queries."""
    asked = [readers.run_listed(doubles.verb, number) for number in numbers]
    others = [readers.run(query) for query in among]
    mixed = [each for pair in zip_longest(asked, others) for each in pair if each is not None]
    answers = dict(zip(mixed, await asyncio.gather(*mixed, return_exceptions=True), strict=True))
    return [answers[each] for each in asked], [answers[each] for each in others]


async def test_items_of_a_verb_are_asked_in_one_call_and_each_gets_its_own(readers):
    doubles = Doubles()
    answers, others = await asked_together(readers, doubles, range(20), among=[total] * 10)
    assert answers == [2 * number for number in range(20)]
    assert others == [6] * 10
    assert doubles.calls == [[*range(20)]]


async def test_more_items_than_go_together_are_asked_in_several_calls(readers):
    doubles = Doubles()
    answers, _ = await asked_together(readers, doubles, range(3 * MAX_TOGETHER))
    assert answers == [2 * number for number in range(3 * MAX_TOGETHER)]
    assert max(map(len, doubles.calls)) <= MAX_TOGETHER
    assert len(doubles.calls) <= 6


async def test_items_of_different_verbs_are_not_mixed(readers):
    one, two = Doubles(), Doubles()
    asked = [readers.run_listed((one, two)[number % 2].verb, number) for number in range(10)]
    assert await asyncio.gather(*asked) == [2 * number for number in range(10)]
    assert (one.calls, two.calls) == ([[0, 2, 4, 6, 8]], [[1, 3, 5, 7, 9]])


async def test_an_item_that_fails_takes_no_other_along(readers):
    with capture_logs() as lines:
        answers, others = await asked_together(readers, Doubles(bad=3), range(6), among=[total, missing])
    assert isinstance(answers.pop(3), sa.exc.OperationalError)
    assert answers == [0, 2, 4, 8, 10]
    assert others[0] == 6
    said = {"event": "list_failed", "verb": "verb", "count": 6, "error": "OperationalError", "log_level": "warning"}
    assert lines == [said]


async def test_an_item_that_is_refused_takes_no_other_along(readers):
    doubles = Doubles(refused=3)
    answers, _ = await asked_together(readers, doubles, range(6))
    assert isinstance(answers.pop(3), ValueError)
    assert answers == [0, 2, 4, 8, 10]
    assert len(doubles.calls) == 1
    with pytest.raises(ValueError, match="3"):
        await readers.run_listed(doubles.verb, 3)


async def test_items_for_which_there_is_no_database_do_not_wait_for_it_one_by_one(readers):
    doubles = Doubles(away=True)
    answers, _ = await asked_together(readers, doubles, range(6))
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert len(doubles.calls) == 1


async def test_an_item_whose_caller_leaves_holds_up_nobody(readers):
    doubles = Doubles()
    asked = [asyncio.ensure_future(readers.run_listed(doubles.verb, number)) for number in range(4)]
    await asyncio.sleep(0)
    asked[1].cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers.pop(1), asyncio.CancelledError)
    assert answers == [0, 4, 6]


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
