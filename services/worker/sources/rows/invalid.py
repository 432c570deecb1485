"""Finds the values that are not of their column's type, and their texts.

A source may give a column as a struct of `value` and `invalid`. `invalid` has the text of a value that Arrow's type
cannot hold, such as infinity among timestamps; otherwise it is null.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from services.contract.spec import ColumnType
from services.worker.sources.rows import parse
from services.worker.sources.rows.parse import Array, pc

_TEXT = pa.large_string()


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed column.

    `values` is null where `invalid` has the text of an invalid value. `invalid` None: all values are valid.
    """

    values: Array
    invalid: Array | None = None


def typed(raw: Array, type_: ColumnType, *, utf8: bool = False, time_zone: str = "UTC") -> Typed:
    """Convert a column as parse.typed does, but return invalid values as texts instead of raising."""
    if pa.types.is_struct(raw.type):
        return _merged(typed(raw.field("value"), type_, utf8=utf8, time_zone=time_zone), raw.field("invalid"))
    try:
        return Typed(parse.converted(raw, type_, utf8=utf8, time_zone=time_zone))
    except pa.ArrowInvalid:
        return _apart(raw, type_, utf8=utf8, time_zone=time_zone)


def with_invalid(values: Array, texts: Sequence[str | None]) -> Array:
    """Build a column as sources give it. A value is invalid where `texts` has a text."""
    return pa.StructArray.from_arrays([values, pa.array(texts, _TEXT)], ["value", "invalid"])


def texts_of(values: Array) -> Array:
    """Return values as texts for messages and files. Bytes that are not UTF-8 become U+FFFD."""
    return pa.array([_text(value) for value in values], _TEXT)


def _merged(column: Typed, given: Array) -> Typed:
    if given.null_count == len(given):
        return column
    values = _where(pc.is_null(given), column.values)
    return Typed(values, given if column.invalid is None else pc.coalesce(given, column.invalid))


def _apart(raw: Array, type_: ColumnType, **more: Any) -> Typed:
    texts: list[str | None] = [None] * len(raw)
    for row in parse.rows_wrong(raw, lambda part: parse.converted(part, type_, **more)):
        texts[row] = _text(raw[row])
    valid = _where(pa.array([text is None for text in texts]), raw)
    return Typed(parse.converted(valid, type_, **more), pa.array(texts, _TEXT))


def _where(wanted: Array, values: Array) -> Array:
    return pc.if_else(wanted, values, pa.scalar(None, values.type))


def _text(value: Any) -> str | None:
    if not value.is_valid:
        return None
    if parse.is_text(value) or pa.types.is_large_binary(value.type) or pa.types.is_binary(value.type):
        return bytes(value.as_buffer()).decode("utf-8", "replace")
    return str(pc.cast(value, _TEXT).as_py())
