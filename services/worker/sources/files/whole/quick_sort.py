"""Sorts a frame by the first bytes of its first column.

numpy sorts integers of 64 bits many times faster than polars sorts texts. polars then sorts the rows with equal
integers.
"""

from dataclasses import dataclass
from itertools import takewhile

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_WORD_BYTES = 8
_MAX_ALIKE = 0.125
"""Largest share of rows with equal integers for which this method is worthwhile."""
_SIGN = np.uint64(1 << 63)

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Order:
    """An order by columns of a frame."""

    columns: tuple[str, ...]
    descending: tuple[bool, ...]
    nulls_last: tuple[bool, ...]

    def sorted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the sorted frame. The sort is stable."""
        words = _words(frame[self.columns[0]])
        places = None if words is None else self._places(frame, ~words if self.descending[0] else words)
        return self._by_polars(frame) if places is None else frame[places]

    def _by_polars(self, frame: pl.DataFrame) -> pl.DataFrame:
        descending, nulls_last = list(self.descending), list(self.nulls_last)
        return frame.sort(self.columns, descending=descending, nulls_last=nulls_last, maintain_order=True)

    def _places(self, frame: pl.DataFrame, words: Words) -> npt.NDArray[np.int64] | None:
        """Return the index in this frame of each row of the sorted frame. None when too many integers are equal."""
        places = np.argsort(words)
        ordered = words[places]
        alike = ordered[1:] == ordered[:-1]
        if not alike.any():
            return places
        tied = np.zeros(len(words), np.bool_)
        tied[1:] |= alike
        tied[:-1] |= alike
        where = np.flatnonzero(tied)
        if len(where) > _MAX_ALIKE * len(words):
            return None
        rows = places[where]
        given = frame.select(self.columns)[rows].with_columns(
            pl.Series("word", ordered[where]), pl.Series("place", rows)
        )
        settled = given.sort(
            ["word", *self.columns, "place"],
            descending=[False, *self.descending, False],
            nulls_last=[True, *self.nulls_last, True],
        )
        places[where] = settled["place"].to_numpy()
        return places


def _words(values: pl.Series) -> Words | None:
    """Return integers of 64 bits in the order of the values; different values may share one.

    None when that is not possible.
    """
    if values.null_count() or not len(values):
        return None
    if values.dtype == pl.String:
        return _of_texts(values)
    if values.dtype.is_integer() or values.dtype in (pl.Date, pl.Datetime("us", "UTC")):
        return values.to_physical().cast(pl.Int64).to_numpy().view(np.uint64) ^ _SIGN
    return None


def _of_texts(values: pl.Series) -> Words:
    """Return the eight bytes after the common prefix of all texts. Missing bytes are 0."""
    least, greatest = (str(value).encode() for value in (values.min(), values.max()))
    texts = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    assert isinstance(texts, pa.LargeStringArray)  # noqa: S101 - guaranteed by that level
    _, offsets, content = texts.buffers()
    if offsets is None or content is None or not content.size:
        return np.zeros(len(values), np.uint64)
    ends = np.frombuffer(memoryview(offsets), np.int64, len(texts) + 1, 8 * texts.offset)
    octets = np.concatenate([np.frombuffer(memoryview(content), np.uint8), np.zeros(_WORD_BYTES, np.uint8)])
    starts = ends[:-1] + _shared(least, greatest)
    at_each = np.ndarray(len(octets) - _WORD_BYTES + 1, ">u8", octets.data, 0, (1,))
    words = at_each[starts].astype(np.uint64)
    missing = np.maximum(_WORD_BYTES - (ends[1:] - starts), 0).astype(np.uint64)
    if missing.any():  # the bytes there belong to the next text
        words[missing == _WORD_BYTES] = 0
        unused = missing % np.uint64(_WORD_BYTES) * np.uint64(8)
        words = words >> unused << unused
    return words


def _shared(one: bytes, other: bytes) -> int:
    """Return the length of the common prefix."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
