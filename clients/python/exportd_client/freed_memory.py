"""Lets malloc keep the memory of pieces that were freed."""

_BLOCK_BYTES = 8 << 20
"""Eight times the largest piece of a download."""


def keep() -> None:
    """Let glibc's malloc use the memory of one piece for the next ones.

    It returns freed blocks of more than 128 KiB to the system, which zeroes the new ones: a fifth of what a download
    costs. But once a program has freed a larger block, it keeps blocks of up to that size, and twice that size at the
    end of a heap. So one block is taken and given back; its pages are never touched. Limits that the program itself has
    set (mallopt, MALLOC_MMAP_THRESHOLD_) stay as they are, and other C libraries do nothing of this.
    """
    bytearray(_BLOCK_BYTES)
