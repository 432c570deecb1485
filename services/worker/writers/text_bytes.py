"""The bytes of a column of texts as they lie in memory."""

from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa

from services.worker.writers.lines import bytes_of

_VIEW_WORDS = 4  # a view is four 32-bit words: length, prefix, number of its buffer, offset in there
_INLINE = 12  # texts of so many bytes or fewer lie in their view


def blocks_of(texts: pl.Series) -> list[memoryview]:
    """The UTF-8 of all texts, one after the other, in as many blocks as it lies in: no copy where that can be.

    Texts that polars has just joined lie in its buffers in order and without gaps. Nobody promises that, so it is
    checked; the check takes a hundredth of the time of the copy that it saves.
    """
    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    if isinstance(array, pa.StringViewArray):
        _, views, *buffers = cast("list[pa.Buffer]", array.buffers())
        if _in_order(views.slice(16 * array.offset), len(array), [buffer.size for buffer in buffers]):
            return [memoryview(buffer) for buffer in buffers]
    return [bytes_of(texts)]


def _in_order(views: pa.Buffer, count: int, sizes: list[int]) -> bool:
    words = np.frombuffer(memoryview(views), np.uint32, _VIEW_WORDS * count).reshape(count, _VIEW_WORDS)
    lengths, numbers, starts = words[:, 0], words[:, 2], words[:, 3]
    if count == 0 or lengths.min() <= _INLINE:
        return False
    ends = starts + lengths
    breaks = np.flatnonzero((ends[:-1] != starts[1:]) | (numbers[:-1] != numbers[1:]))
    firsts, lasts = [0, *(breaks + 1)], [*breaks, count - 1]
    whole = np.array_equal(numbers[firsts], np.arange(len(sizes))) and np.array_equal(ends[lasts], sizes)
    return whole and not starts[firsts].any()


def octets(texts: pa.LargeStringArray) -> pl.Series:
    """All bytes of the texts, one after the other, with what may lie under nulls; no copy.

    Comparing them all with a constant costs a tenth of looking for a pattern in each text.
    """
    _, offsets, content = texts.buffers()
    if offsets is None or content is None or not len(texts):
        return pl.Series(dtype=pl.UInt8)
    ends = memoryview(offsets).cast("q")
    start, end = ends[texts.offset], ends[texts.offset + len(texts)]
    array = pa.Array.from_buffers(pa.uint8(), end - start, [None, content.slice(start)])
    return pl.Series(pl.from_arrow(array))
