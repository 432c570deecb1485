"""Prepared statements, beside the same ones by SQLAlchemy."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from services.api.storage.sql.column_types import Length, UtcTime
from services.api.storage.sql.listed import Appended
from services.api.storage.sql.prepared import MAX_ROWS, Inserts, Prepared
from tests.unit.api.things import Colour, things

_things = things(unique_names=True)
_c = _things.c
_COLUMNS = tuple(column.name for column in _c)
_NOON = datetime(2026, 11, 28, 12, 0, 0, 123456, tzinfo=UTC)


def _thing(number: int, **more: Any) -> dict[str, Any]:
    own = {"id": number, "name": f"thing {number}", "colour": Colour.BLUE, "made": _NOON, "is_there": True}
    return {**own, "length": timedelta(seconds=number), "more": {"number": [number]}, **more}


@pytest.fixture
def db() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        _things.metadata.create_all(connection)
        yield connection


def _stored(db: sa.Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in db.execute(sa.select(_things).order_by(_c.id)).mappings()]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_each_of_a_list_is_written_as_sqlalchemy_would(db: sa.Connection, count: int) -> None:
    things = [_thing(number) for number in range(count)]
    Prepared(sa.insert(_things).inline(), sets=_COLUMNS).run_each(db, things)
    assert _stored(db) == things


@pytest.mark.parametrize("count", [0, 1, 2, 3, MAX_ROWS - 1, MAX_ROWS, MAX_ROWS + 1, 3 * MAX_ROWS + 7])
def test_rows_of_one_statement_are_written_as_sqlalchemy_would(db: sa.Connection, count: int) -> None:
    things = [_thing(number) for number in range(count)]
    Appended(_things, _COLUMNS).run_each(db, things)
    assert _stored(db) == things


def test_of_many_rows_there_are_few_different_statements(db: sa.Connection) -> None:
    sizes: set[int] = set()
    driver: Any = db.connection.driver_connection
    driver.set_trace_callback(lambda text: sizes.add(text.count("thing ")))
    for start, count in ((0, 5), (100, 7), (200, 64), (300, 70)):
        Appended(_things, _COLUMNS).run_each(db, [_thing(start + number) for number in range(count)])
    assert sizes - {0} == {1, 2, 4, 64}  # without the BEGIN


def test_rows_that_are_there_are_kept_and_not_counted(db: sa.Connection) -> None:
    keep = Inserts(insert(_things).on_conflict_do_nothing().inline(), _COLUMNS)
    assert keep.count_each(db, [_thing(number) for number in range(3)]) == 3
    again = [_thing(number, colour=Colour.RED) for number in range(5)]
    assert keep.count_each(db, again) == 2
    assert [row["colour"] for row in _stored(db)] == [Colour.BLUE] * 3 + [Colour.RED] * 2


def test_a_row_that_breaks_a_constraint_is_an_error_and_leaves_nothing_behind_a_savepoint(db: sa.Connection) -> None:
    Appended(_things, _COLUMNS).run_each(db, [_thing(2)])
    with pytest.raises(sa.exc.IntegrityError), db.begin_nested():
        Appended(_things, _COLUMNS).run_each(db, [_thing(number) for number in range(4)])
    assert _stored(db) == [_thing(2)]


@pytest.mark.parametrize("more", [[], {}, [1], {"a": 1}, None, "", 0, False])
def test_json_is_written_as_sqlalchemy_would(db: sa.Connection, more: Any) -> None:
    Appended(_things, _COLUMNS).run_each(db, [_thing(1, more=more)])
    db.execute(sa.insert(_things), [_thing(2, more=more)])
    ours, theirs = db.exec_driver_sql("SELECT more FROM things ORDER BY id").scalars()
    assert ours == theirs


def test_nothing_is_written_as_null(db: sa.Connection) -> None:
    empty = dict.fromkeys(_COLUMNS) | {"id": 1}
    Prepared(sa.insert(_things), sets=_COLUMNS).run(db, empty)
    assert _stored(db) == [empty]


_TAKEN = (
    sa.update(_things)
    .values(colour=Colour.RED, length=_c.length + sa.bindparam("longer", type_=Length()))
    .where(_c.made <= sa.bindparam("at", type_=UtcTime), _c.colour == Colour.BLUE, _c.id.between(1, 2))
    .returning(*_c)
)
_FOUND = sa.select(_things).where(_c.made <= sa.bindparam("at", type_=UtcTime), _c.colour == Colour.BLUE)


@pytest.mark.parametrize("statement", [_FOUND.order_by(_c.id), _FOUND.limit(2), _TAKEN], ids=["all", "limit", "update"])
def test_rows_are_those_of_sqlalchemy(db: sa.Connection, statement: Any) -> None:
    db.execute(sa.insert(_things), [_thing(0, made=None), _thing(1, more=None), _thing(2), _thing(3)])
    values = {"at": _NOON, "longer": timedelta(minutes=1)}
    wanted = {name: value for name, value in values.items() if name in statement.compile().params}
    savepoint = db.begin_nested()
    expected = [dict(row) for row in db.execute(statement, wanted).mappings()]
    savepoint.rollback()
    assert expected
    assert Prepared(statement).all(db, values) == expected


def test_the_first_row_and_its_first_value(db: sa.Connection) -> None:
    db.execute(sa.insert(_things), [_thing(1), _thing(2)])
    newest = Prepared(sa.select(_c.made, _c.name).where(_c.id >= sa.bindparam("least")).order_by(_c.id.desc()))
    assert newest.first(db, {"least": 1}) == {"made": _NOON, "name": "thing 2"}
    assert newest.scalar(db, {"least": 1}) == _NOON
    assert newest.first(db, {"least": 3}) is None
    assert newest.scalar(db, {"least": 3}) is None


def test_a_statement_may_be_asked_again_for_other_values(db: sa.Connection) -> None:
    db.execute(sa.insert(_things), [_thing(1), _thing(2)])
    named = Prepared(sa.select(_c.name).where(_c.id == sa.bindparam("of_id"), _c.is_there == sa.true()))
    assert [named.scalar(db, {"of_id": number}) for number in (1, 2, 1)] == ["thing 1", "thing 2", "thing 1"]


def test_errors_are_those_of_sqlalchemy(db: sa.Connection) -> None:
    insert = Prepared(sa.insert(_things), sets=_COLUMNS)
    insert.run(db, _thing(1))
    with pytest.raises(sa.exc.IntegrityError):
        insert.run(db, _thing(2, name="thing 1"))
    with pytest.raises(sa.exc.IntegrityError):
        insert.run_each(db, [_thing(3), _thing(4, name="thing 1")])
