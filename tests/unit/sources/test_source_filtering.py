"""Deciding a filter over Arrow columns, and comparing with values finer than a column."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from services.contract.spec import All, AnyOf, ColumnType, Filter, Kind, Operator, Term
from services.worker.schema import arrow_type
from services.worker.sources.rows.filtering import matches
from services.worker.sources.rows.invalid import Typed
from services.worker.sources.rows.step import decimal_floor, on_step
from services.worker.sources.sql.sqlite.iso_shapes import Shape, shape_of

MONEY = ColumnType(Kind.DECIMAL, 18, 2)
TEXT = ColumnType(Kind.TEXT)
COLUMNS = {
    ("d", MONEY): Typed(pa.array([Decimal("9.99"), Decimal("15.99"), None, Decimal("16.00")], arrow_type(MONEY))),
    ("t", TEXT): Typed(pa.array(["Ñ", None, "", "n"], arrow_type(TEXT))),
}


def decided(filter_: Filter) -> list[bool]:
    found: list[bool] = matches(filter_, COLUMNS, 4).to_pylist()
    return found


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        (Operator.LESS, "15.995", [True, True, False, False]),
        (Operator.GREATER_OR_EQUAL, "15.995", [False, False, False, True]),
        (Operator.EQUALS, "15.990", [False, True, False, False]),
        (Operator.EQUALS, "15.995", [False, False, False, False]),
        (Operator.GREATER, "-0.001", [True, True, False, True]),
        (Operator.LESS, "1e60", [True, True, False, True]),
    ],
)
def test_money_is_compared_as_money_and_nulls_never_match(operator: Operator, value: str, expected: list[bool]) -> None:
    assert decided(Term("d", MONEY, operator, (Decimal(value),))) == expected


def test_trees_and_their_empty_cases() -> None:
    accented = Term("t", TEXT, Operator.EQUALS, ("Ñ", ""))
    dear = Term("d", MONEY, Operator.GREATER, (Decimal(15),))
    assert decided(All()) == [True] * 4
    assert decided(AnyOf()) == [False] * 4
    assert decided(accented) == [True, False, True, False]
    assert decided(AnyOf((accented, dear))) == [True, True, True, True]
    assert decided(All((accented, dear))) == [False] * 4


def test_a_floor_is_below_also_for_negative_numbers() -> None:
    assert decimal_floor(Decimal("-0.001"), 2) == Decimal("-0.01")
    assert on_step(Operator.LESS, Decimal("-0.001"), Decimal("-0.01")) == (Operator.LESS_OR_EQUAL, Decimal("-0.01"))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (b"2026-01-02T03:04:05Z", Shape("T", 0, "Z")),
        (b"2026-01-02 03:04:05.123456", Shape(" ", 6, "")),
        (b"2026-01-02T03:04:05.123+00:00", Shape("T", 3, "+00:00")),
        (b"2026-01-02T03:04:05+02:00", None),
        (b"2026-01-02", None),
        (b"\xff", None),
        (None, None),
    ],
)
def test_the_shape_of_a_stored_timestamp(text: bytes | None, shape: Shape | None) -> None:
    assert shape_of(text) == shape


def test_a_moment_is_written_in_the_shape_that_was_found() -> None:
    moment = datetime(987, 1, 2, 3, 4, 5, 123456, UTC)
    for text in ("0987-01-02T03:04:05Z", "0987-01-02 03:04:05.123", "0987-01-02T03:04:05.123456+00:00"):
        shape = shape_of(text.encode())
        assert shape is not None
        assert shape.text(shape.floor(moment)) == text
