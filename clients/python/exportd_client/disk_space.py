"""Reserves space on the disk for a file that grows."""

import sys

_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE of linux/falloc.h; os.posix_fallocate would change the size of the file


def reserve(descriptor: int, offset: int, size: int) -> bool:
    """Reserve `size` bytes from `offset` on; the size of the file stays. Return whether that was possible.

    The file system then need not look for each page where it goes. Not every system and file system can do it, and if
    the disk is full, the write that needs the space says so.
    """
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return False
    import ctypes  # noqa: PLC0415 - takes time, and most files are small

    try:
        call = ctypes.CDLL(None).fallocate
    except (AttributeError, OSError):
        return False
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return bool(call(descriptor, _KEEP_SIZE, offset, size) == 0)
