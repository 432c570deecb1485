"""JSON that is right, however large its numbers and however deep its values."""

from typing import Any

import pytest

from services.contract.spec import ColumnType, Kind
from services.worker.sources.http.items import TooMuch, apart, array, decoded
from services.worker.sources.rows.parse import NotOfType, typed


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[9007199254740993]", [float(2**53)]),
        (b"[100000000000000000000000]", [1e23]),
        (b"[1, 2.5, null, 9007199254740993]", [1.0, 2.5, None, float(2**53)]),
    ],
)
def test_a_number_is_the_nearest_float(body: bytes, expected: list[Any]) -> None:
    assert typed(array(decoded(body), ColumnType(Kind.FLOAT)), ColumnType(Kind.FLOAT)).to_pylist() == expected


@pytest.mark.parametrize("text", [b"1e400", b"-1e400", b"1" + b"0" * 400])
def test_a_number_beyond_every_float_is_named(text: bytes) -> None:
    with pytest.raises(NotOfType) as wrong:
        array(decoded(b"[1, " + text + b"]"), ColumnType(Kind.FLOAT))
    assert wrong.value.index == 1


@pytest.mark.parametrize("kind", [Kind.JSON, Kind.TEXT])
@pytest.mark.parametrize("item", [b"[" * 800 + b"]" * 800, rb'["cut \ud83d"]', b"[" + b"9" * 30 + b",1.10]"])
def test_a_value_that_orjson_does_not_write_is_written_as_it_came(kind: Kind, item: bytes) -> None:
    assert array(decoded(b"[1, " + item + b"]"), ColumnType(kind)).to_pylist() == ["1", item.decode()]


def test_what_is_not_of_the_type_is_set_apart_with_its_text() -> None:
    told = apart([1, "many", None, 2**70, [1.5], "cut \ud83d"], ColumnType(Kind.INTEGER))
    assert told.field("value").to_pylist() == ["1", "many", None, None, "[1.5]", None]
    assert told.field("invalid").to_pylist() == [None, None, None, str(2**70), None, "cut ?"]


@pytest.mark.parametrize("body", [b"1e99999999999999999999", b"1" * 5000, b"[" * 100_000 + b"]" * 100_000])
def test_a_document_beyond_all_bounds_is_not_taken_for_a_broken_one(body: bytes) -> None:
    with pytest.raises(TooMuch):
        decoded(body)


@pytest.mark.parametrize("body", [b"[1", b"NaN", b"\xff"])
def test_what_is_no_json_is_a_broken_document(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        decoded(body)
