"""Objects of a driver as text: JSON, or what each of them is; never what Python calls it."""

import json
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from services.contract.spec import ColumnType, Kind
from services.worker.sources.sql.other.driver_values import Unwritable, array, as_text

TEXT, JSON, DECIMAL = ColumnType(Kind.TEXT), ColumnType(Kind.JSON), ColumnType(Kind.DECIMAL, 38, 30)
BIG = 2**127 - 1


@pytest.mark.parametrize("type_", [TEXT, JSON])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([BIG], f"[{BIG}]"),
        ({7: "seven"}, '{"7":"seven"}'),
        ([Decimal("1.10"), Decimal("1E+3")], "[1.10,1000]"),
        (["a", 'b"\n', None, True], '["a","b\\"\\n",null,true]'),
        (("x", frozenset({1})), '["x",[1]]'),
        (OrderedDict({(1, 2): 0.1}), '{"[1,2]":0.1}'),
        ([datetime(2026, 1, 1, tzinfo=UTC)], '["2026-01-01T00:00:00+00:00"]'),
        ([timedelta(seconds=-1.5)], '["-PT1.500000S"]'),
        ([UUID(int=1)], '["00000000-0000-0000-0000-000000000001"]'),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_values_that_hold_others_are_json_with_every_digit(value: object, type_: ColumnType, text: str) -> None:
    assert as_text(value, type_) == text
    json.loads(text)


@pytest.mark.parametrize("value", [object(), [object()], {"a": range(3)}, iter([]), memoryview(b"a")])
def test_an_object_without_a_text_of_its_own_is_refused(value: object) -> None:
    with pytest.raises(Unwritable):
        as_text(value, TEXT)


def test_lists_without_end_are_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(Unwritable):
        as_text(endless, JSON)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, f"0.1{'0' * 29}"), (1e22, f"1{'0' * 22}.{'0' * 30}"), (1.7e308, f"17{'0' * 307}.{'0' * 30}")],
)
def test_a_real_becomes_the_decimal_that_its_text_says(value: float, text: str) -> None:
    assert as_text(value, DECIMAL) == text


def test_a_real_of_more_digits_than_the_scale_keeps_them() -> None:
    assert as_text(1.005, ColumnType(Kind.DECIMAL, 18, 2)) == "1.005"
    assert as_text(float("inf"), DECIMAL) == "inf"


def test_what_has_no_text_is_set_apart() -> None:
    told = array([b"Mar\xeda", "plain", "cut \ud83d", None, object()], TEXT)
    assert told.field("value").to_pylist() == [None, "plain", None, None, None]
    assert told.field("invalid").to_pylist() == ["Mar\ufffda", None, "cut \ufffd", None, "object"]
