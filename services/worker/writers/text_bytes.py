"""The bytes of a column of texts as they are in memory."""

from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from services.worker.writers.lines import bytes_of

Octets: TypeAlias = npt.NDArray[np.uint8]

_VIEW_WORDS = 4  # a view has four 32-bit words: length, prefix, number of its buffer, offset in that buffer
_INLINE = 12  # texts of at most this many bytes are stored inside their view


def blocks_of(texts: pl.Series) -> list[memoryview]:
    """Return the UTF-8 bytes of all texts, one after the other, in one or more blocks, without a copy if possible.

    polars stores texts that it has just joined in order and without gaps. This is not guaranteed, so it is checked; the
    check takes a hundredth of the time of the copy.
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


def may_hold(texts: pl.Series, signs: bytes) -> bool:
    """Whether a text has a control character or one of `signs`, which are printable ASCII characters.

    It may also be true for bytes under a null. Comparing all bytes with a constant takes a tenth of the time of
    searching each text for a pattern.
    """
    if not texts.null_count():  # what a null has in its view is undefined
        array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
        if isinstance(array, pa.StringViewArray) and len(array):
            stored = memoryview(cast("pa.Buffer", array.buffers()[1]))
            views = np.frombuffer(stored, np.uint32, _VIEW_WORDS * len(array), 16 * array.offset)
            lengths = views[::_VIEW_WORDS]
            if lengths.max() <= _INLINE:
                return _hold(views.view(np.uint8), signs, len(views) * 4 - int(lengths.sum()))
    return _hold(np.frombuffer(bytes_of(texts), np.uint8), signs, 0)


def _hold(octets: Octets, signs: bytes, others: int) -> bool:
    """Whether the octets have one of `signs`, or more than `others` control characters.

    In views of short texts, the four bytes of the length and the zeros behind the text look like control characters.
    """
    return np.count_nonzero(octets < ord(" ")) != others or any(bool((octets == sign).any()) for sign in signs)
