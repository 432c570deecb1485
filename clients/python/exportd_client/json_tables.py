"""Reads JSON and JSONL as exportd writes them, with one object per line, into tables of Arrow. Needs pyarrow.

The lines are parsed in Python, because only this keeps every digit of a number.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import time
from decimal import Decimal
from itertools import islice
from typing import Any

import pyarrow as pa

from exportd.v1.export_pb2 import ColumnType
from exportd_client.text_tables import Kinds, arrow_type

_BATCH_ROWS = 10_000


def of_json(lines: Iterable[bytes], fields: Sequence[str], kinds: Kinds, *, with_files: bool) -> pa.Table:
    """Return the rows as a table. Raises pa.ArrowInvalid or ValueError if a value is not of its column's type."""
    rows = _rows(lines)
    first = next(rows, {})
    names = [*fields, *([list(first)[-1]] if first and with_files else ())]
    schema = pa.schema([(name, arrow_type(kinds.get(name))) for name in names])
    batches = [_batch([first, *islice(rows, _BATCH_ROWS - 1)], schema, kinds)] if first else []
    while batch := list(islice(rows, _BATCH_ROWS)):
        batches.append(_batch(batch, schema, kinds))
    return pa.Table.from_batches(batches, schema)


def _rows(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the objects of JSONL, or of an array with one object per line."""
    for line in lines:
        text = line.strip(b"[], \r\n") if line[:1] in b"[]," else line.rstrip(b", \r\n")
        if text:
            yield json.loads(text, parse_float=Decimal)


def _batch(rows: Sequence[dict[str, Any]], schema: pa.Schema, kinds: Kinds) -> pa.RecordBatch:
    arrays = [_array([_at(row, field.name) for row in rows], field.type, kinds.get(field.name)) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _at(row: dict[str, Any], field: str) -> Any:
    """Return the value of a field. A dot in its name leads into a nested object."""
    if field in row:
        return row[field]
    value: Any = row
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _array(values: list[Any], to: pa.DataType, kind: ColumnType | None) -> "pa.Array[Any]":
    if pa.types.is_floating(to):
        return pa.array([None if value is None else float(value) for value in values], to)
    if pa.types.is_decimal(to) or pa.types.is_integer(to) or pa.types.is_boolean(to):
        return pa.array(values, to)
    if kind is None or kind.kind == ColumnType.KIND_JSON:
        return pa.array([None if value is None else _text(value) for value in values], to)
    if pa.types.is_time(to):  # Arrow cannot parse times
        return pa.array([None if value is None else time.fromisoformat(value) for value in values], to)
    return pa.array(values, pa.string()).cast(to)


def _text(value: Any) -> str:
    """Return a value as JSON with every digit of its numbers, which json.dumps would not keep."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_text(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_text, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)
