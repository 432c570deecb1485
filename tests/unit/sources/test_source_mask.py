"""Masks: what stands in a file instead of a value, and what a spec looks like to a writer."""

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from services.contract.spec import ColumnSpec, Kind, Mask
from services.worker.schema import arrow_schema, arrow_type
from services.worker.sources.errors import SourceFailed
from services.worker.sources.rows import mask
from tests.integration.sources.source_specs import spec_of, type_of

KEY = b"key-of-tests"


def masked(how: Mask | None, type_: str, *values: Any) -> list[Any]:
    column = ColumnSpec("v", "v", "V", type_of(type_), how)
    batch = pa.record_batch(
        [pa.array(values, arrow_type(column.type)), pa.array(values, arrow_type(column.type))], ["v", "w"]
    )
    (found,) = mask.masked([batch], (column,), KEY)
    assert found.column(1).equals(batch.column(1)), "only the columns of the spec are masked"
    if how is not None:
        assert found.schema.field(0).type == pa.large_string()
    values_found: list[Any] = found.column(0).to_pylist()
    return values_found


def digest(text: str) -> str:
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


def test_a_redacted_value_says_nothing_and_nulls_stay() -> None:
    assert masked(Mask.REDACT, "text", "secret", None, "") == ["***", None, "***"]
    assert masked(Mask.REDACT, "integer", 5, None) == ["***", None]
    assert masked(Mask.REDACT, "text") == []


def test_the_last_four_characters_are_shown() -> None:
    assert masked(Mask.LAST4, "text", "MX1234567890", None, "ñandúñandú", "12345678", "💥💥💥💥💥💥💥💥💥") == [
        "********7890",
        None,
        "******andú",
        "****5678",
        "*****💥💥💥💥",
    ]
    assert masked(Mask.LAST4, "integer", 4111_1111_1111_1111, None) == ["************1111", None]
    assert masked(Mask.LAST4, "text") == []


def test_at_least_half_of_a_short_value_is_hidden() -> None:
    assert masked(Mask.LAST4, "text", "", "1", "12", "007", "1234", "12345", "123456", "1234567") == [
        "",
        "*",
        "*2",
        "**7",
        "**34",
        "***45",
        "***456",
        "****567",
    ]


def test_equal_values_have_equal_hashes() -> None:
    assert masked(Mask.HASH, "text", "a", None, "b", "a", "") == [
        digest("a"),
        None,
        digest("b"),
        digest("a"),
        digest(""),
    ]


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        ("integer", -5, "-5"),
        ("decimal(18,2)", Decimal("1.10"), "1.10"),
        ("float", 0.1 + 0.2, "0.30000000000000004"),
        ("boolean", True, "true"),
        ("date", date(2026, 1, 31), "2026-01-31"),
        ("time", time(1, 2, 3), "01:02:03.000000"),
        ("timestamp", datetime(2026, 1, 31, 1, 2, 3, 4, UTC), "2026-01-31 01:02:03.000004Z"),
        ("duration", timedelta(seconds=1), "1000000"),
        ("json", '{"a": 1}', '{"a": 1}'),
        ("binary", b"\xff\x00", "/wA="),
    ],
)
def test_the_text_of_a_value(type_: str, value: Any, text: str) -> None:
    assert masked(Mask.HASH, type_, value, None) == [digest(text), None]


def test_without_a_key_nothing_is_hashed() -> None:
    columns = (ColumnSpec("v", "secret", "V", type_of("text"), Mask.HASH),)
    with pytest.raises(SourceFailed) as failed:
        mask.check(columns, b"")
    assert failed.value.code == "MASK_KEY_MISSING"
    assert failed.value.message == "This worker has no mask key for: secret."
    mask.check((replace(columns[0], mask=Mask.LAST4),), b"")


def test_to_a_writer_a_masked_column_is_text() -> None:
    spec = spec_of("sql", {"id": "integer", "n": "integer"})
    spec = replace(spec, columns=(spec.columns[0], replace(spec.columns[1], mask=Mask.LAST4)))
    assert [c.type.kind for c in mask.spec_for_writers(spec).columns] == [Kind.INTEGER, Kind.TEXT]
    assert arrow_schema(mask.spec_for_writers(spec).columns).types == [pa.int64(), pa.large_string()]
