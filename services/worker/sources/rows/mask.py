"""Masks: what the file shows instead of a value."""

import hmac
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pyarrow as pa

from services.contract.spec import TEXT, ColumnSpec, ColumnType, JobSpec, Kind, Mask
from services.worker.sources import errors
from services.worker.sources.rows.parse import Array, pc

REDACTED = "***"
_STAR = "*"
_MAX_VISIBLE = 4
_NOTHING = pa.scalar("", pa.large_string())
_NO_TEXT = pa.scalar(None, pa.large_string())

Hide = Callable[[Array], Array]
"""Masks a column of texts. Nulls stay null."""


def spec_for_writers(spec: JobSpec) -> JobSpec:
    """Return the spec for writers: columns that are text in the file have type text."""
    columns = tuple(c if c.file_type == c.type else replace(c, type=c.file_type) for c in spec.columns)
    return spec if columns == spec.columns else replace(spec, columns=columns)


def check(columns: tuple[ColumnSpec, ...], key: bytes) -> None:
    """Raise SourceFailed (MASK_KEY_MISSING) when a column must be hashed and there is no key."""
    hashed = [c.field for c in columns if c.mask is Mask.HASH]
    if hashed and not key:
        raise errors.mask_key_missing(hashed)


def masked(batches: Iterable[pa.RecordBatch], columns: tuple[ColumnSpec, ...], key: bytes) -> Iterator[pa.RecordBatch]:
    """Mask the batches. The columns of the spec come first in them. `key` is for HASH."""
    hides: dict[Mask, Hide] = {Mask.REDACT: _redact, Mask.LAST4: _last4, Mask.HASH: lambda text: _hash(text, key)}
    hidden = [(index, c, hides[c.mask]) for index, c in enumerate(columns) if c.mask]
    return (_masked(batch, hidden) for batch in batches)


def _masked(batch: pa.RecordBatch, hidden: list[tuple[int, ColumnSpec, Hide]]) -> pa.RecordBatch:
    for index, column, hide in hidden:
        text = hide(as_text(batch.column(index), TEXT if column.becomes_text else column.type))
        batch = batch.set_column(index, pa.field(column.field, text.type), text)
    return batch


def as_text(column: Array, type_: ColumnType) -> Array:
    """Convert values to the texts that masks apply to.

    Text and JSON stay as they are, binary becomes base64, durations become microseconds. Others are digits, `true` and
    `false`, or ISO 8601: `2026-01-31`, `2026-01-31 23:59:00.000000Z`.
    """
    if type_.kind is Kind.BINARY:
        return pa.array([_base64(value) for value in column.to_pylist()], pa.large_string())
    if type_.kind is Kind.DURATION:
        column = pc.cast(column, pa.int64())
    return pc.cast(column, pa.large_string())


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _redact(text: Array) -> Array:
    return pc.if_else(pc.is_valid(text), pa.scalar(REDACTED, pa.large_string()), _NO_TEXT)


def _last4(text: Array) -> Array:
    length = pc.cast(pc.utf8_length(text), pa.int64())
    visible = pc.min_element_wise(pc.divide(length, 2), _MAX_VISIBLE, skip_nulls=False)
    ends = [pc.utf8_slice_codeunits(text, -count) for count in range(1, _MAX_VISIBLE + 1)]
    hidden = pc.fill_null(pc.subtract(length, visible), 0)
    stars = pc.binary_repeat(pa.scalar(_STAR, pa.large_string()), hidden)
    return pc.binary_join_element_wise(stars, pc.choose(visible, _NOTHING, *ends), _NOTHING)


def _hash(text: Array, key: bytes) -> Array:
    # Arrow has no kernel for this, so each value becomes a Python object; repeated values of a batch are hashed once.
    encoded = pc.dictionary_encode(text)
    digests = (hmac.digest(key, value.encode(), "sha256").hex() for value in encoded.dictionary.to_pylist())
    return pc.take(pa.array(digests, pa.large_string()), encoded.indices)
