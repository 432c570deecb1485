"""Statements over a list: one row and several have the same effect, and one row is not read from JSON."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.api.storage.sql.listed import Listed
from services.api.storage.sqlite.dialect import SqliteDialect
from tests.unit.api.things import Colour, things

_things = things(unique_names=False)
_c = _things.c
_NOON = datetime(2026, 11, 28, 12, 0, 0, 123456, tzinfo=UTC)
_DIALECT = SqliteDialect()
_SETS = {name: _c[name].type for name in ("made", "length", "more", "is_there")}
_change = (
    sa.update(_things)
    .values(colour=sa.bindparam("new_colour", type_=_c.colour.type))
    .where(_c.id == sa.bindparam("of_id"), _c.colour != sa.bindparam("new_colour", type_=_c.colour.type))
    .returning(*_c)
)
_painting = Listed.of(_DIALECT, _change, {"of_id": sa.Integer(), "new_colour": _c.colour.type}, _SETS)
_row = sa.select(*(sa.bindparam(name, type_=_c[name].type) for name in ("id", "name")))
_naming = Listed.inserting(
    _DIALECT,
    _DIALECT.insert_or_set(_things, ["name"]),
    ["id", "name"],
    _row,
    {name: _c[name].type for name in ("id", "name")},
)


@pytest.fixture
def db() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        _things.metadata.create_all(connection)
        connection.execute(
            sa.insert(_things), [{"id": n, "name": f"thing {n}", "colour": Colour.RED} for n in range(4)]
        )
        yield connection


@pytest.fixture
def sent(db: sa.Connection) -> list[str]:
    """The statements that the driver ran."""
    texts: list[str] = []
    db.connection.driver_connection.set_trace_callback(texts.append)  # type: ignore[union-attr]
    return texts


def _paint(number: int, **more: Any) -> dict[str, Any]:
    what = {"made": _NOON, "length": timedelta(seconds=number), "more": {"a": [number]}, "is_there": True}
    return {"of_id": number, "new_colour": Colour.BLUE, **what, **more}


def _stored(db: sa.Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in db.execute(sa.select(_things).order_by(_c.id)).mappings()]


@pytest.mark.parametrize("empty", [{}, {"made": None, "length": None, "more": None, "is_there": False}])
def test_one_row_is_changed_as_it_would_be_among_several(db: sa.Connection, empty: dict[str, Any]) -> None:
    (alone,) = _painting.changed(db, [_paint(1, **empty)])
    together = _painting.changed(db, [_paint(2, **empty), _paint(3, **empty)])
    shown = [dict(alone), *sorted(map(dict, together), key=lambda row: row["id"])]
    assert shown == [each for each in _stored(db) if each["id"]]
    assert all(each["colour"] is Colour.BLUE for each in shown)
    types = "SELECT typeof(made), typeof(length), typeof(more), typeof(is_there) FROM things WHERE id"
    assert len({tuple(row) for row in db.exec_driver_sql(types)}) == 1


def test_the_guard_holds_for_one_row(db: sa.Connection) -> None:
    assert len(_painting.changed(db, [_paint(1)])) == 1
    assert not _painting.changed(db, [_paint(1)])
    assert not _painting.changed(db, [_paint(99)])


@pytest.mark.parametrize("ids", [[7], [2], [2, 7]])
def test_rows_are_added_or_replaced(db: sa.Connection, ids: list[int]) -> None:
    _naming.run(db, [{"id": n, "name": "new"} for n in ids])
    assert {row["id"] for row in _stored(db) if row["name"] == "new"} == {*ids}


def test_only_several_rows_are_read_from_json(db: sa.Connection, sent: list[str]) -> None:
    _painting.changed(db, [_paint(1)])
    _naming.run(db, [{"id": 1, "name": "new"}])
    assert sent
    assert not [text for text in sent if "json_each" in text]
    _painting.changed(db, [_paint(2), _paint(3)])
    assert "json_each" in sent[-1]
