"""The bytes of a column of texts as they lie in memory."""

from typing import cast

import polars as pl
import pyarrow as pa

from services.worker.writers.lines import bytes_of

_VIEW_WORDS = 4  # a view is four 32-bit words: length, prefix, number of its buffer, offset in there
_INLINE = 12  # texts of so many bytes or fewer lie in their view


def blocks_of(texts: pl.Series) -> list[memoryview]:
    """The UTF-8 of all texts, one after the other, in as many blocks as it lies in: no copy where that can be.

    Texts that polars has just joined lie in its buffers in order and without gaps. Nobody promises that, so it is
    checked; the check takes a tenth of the time of the copy that it saves.
    """
    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    if isinstance(array, pa.StringViewArray):
        _, views, *buffers = cast("list[pa.Buffer]", array.buffers())
        if _in_order(views.slice(16 * array.offset), len(array), [buffer.size for buffer in buffers]):
            return [memoryview(buffer) for buffer in buffers]
    return [bytes_of(texts)]


def _in_order(views: pa.Buffer, count: int, sizes: list[int]) -> bool:
    words = pl.Series(pl.from_arrow(pa.Array.from_buffers(pa.uint32(), _VIEW_WORDS * count, [None, views])))
    lengths, numbers, offsets = (words.gather_every(_VIEW_WORDS, word).cast(pl.UInt64) for word in (0, 2, 3))
    if int(lengths.min() or 0) <= _INLINE:  # type: ignore[arg-type]
        return False
    starts = pl.Series([0, *sizes], dtype=pl.UInt64).cum_sum()
    ends = lengths.cum_sum()
    found = starts.gather(numbers) + offsets + lengths
    return int(ends[-1]) == int(starts[-1]) and bool((found == ends).all())
