"""Sorting a frame by the first bytes of its first column: numpy sorts words of 64 bits many times as fast as polars
sorts texts. Rows whose words are alike are sorted by polars.
"""

from dataclasses import dataclass
from itertools import takewhile

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

_WORD_BYTES = 8
_MAX_ALIKE = 0.125
"""Share of rows with the word of another one up to which it is worth it."""
_SIGN = np.uint64(1 << 63)

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Order:
    """The order by columns of a frame."""

    columns: tuple[str, ...]
    descending: tuple[bool, ...]
    nulls_last: tuple[bool, ...]

    def sorted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows that are equal keep their order."""
        words = _words(frame[self.columns[0]])
        places = None if words is None else self._places(frame, ~words if self.descending[0] else words)
        return self._by_polars(frame) if places is None else frame[places]

    def _by_polars(self, frame: pl.DataFrame) -> pl.DataFrame:
        descending, nulls_last = list(self.descending), list(self.nulls_last)
        return frame.sort(self.columns, descending=descending, nulls_last=nulls_last, maintain_order=True)

    def _places(self, frame: pl.DataFrame, words: Words) -> npt.NDArray[np.int64] | None:
        """Where each row of the sorted frame is in this one; None when too many words are alike."""
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
    """Numbers that are in the order of the values, those of different values being alike now and then; None where there
    are none of 64 bits.
    """
    if values.null_count() or not len(values):
        return None
    if values.dtype == pl.String:
        return _of_texts(values)
    if values.dtype.is_integer() or values.dtype in (pl.Date, pl.Datetime("us", "UTC")):
        return values.to_physical().cast(pl.Int64).to_numpy().view(np.uint64) ^ _SIGN
    return None


def _of_texts(values: pl.Series) -> Words:
    """Eight bytes behind what all texts begin with; those that a text lacks are 0."""
    least, greatest = (str(value).encode() for value in (values.min(), values.max()))
    texts = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    assert isinstance(texts, pa.LargeStringArray)  # noqa: S101 - which that level promises
    _, offsets, content = texts.buffers()
    if offsets is None or content is None or not content.size:
        return np.zeros(len(values), np.uint64)
    ends = np.frombuffer(memoryview(offsets), np.int64, len(texts) + 1, 8 * texts.offset)
    octets = np.concatenate([np.frombuffer(memoryview(content), np.uint8), np.zeros(_WORD_BYTES, np.uint8)])
    starts = ends[:-1] + _shared(least, greatest)
    at_each = np.ndarray(len(octets) - _WORD_BYTES + 1, ">u8", octets.data, 0, (1,))
    words = at_each[starts].astype(np.uint64)
    missing = np.maximum(_WORD_BYTES - (ends[1:] - starts), 0).astype(np.uint64)
    if missing.any():  # what lies there is the next text's
        words[missing == _WORD_BYTES] = 0
        unused = missing % np.uint64(_WORD_BYTES) * np.uint64(8)
        words = words >> unused << unused
    return words


def _shared(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
