"""How a child takes memory from the system."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_MMAP_BYTES = 32 << 20
_TRIM_BYTES = 128 << 20


def keep_what_was_used() -> None:
    """Blocks of a few MB are taken and given back all the time: by default each is memory that the system has to zero
    again, a tenth of an export's time.
    """
    _glibc("mallopt", _M_MMAP_THRESHOLD, _MMAP_BYTES)
    _glibc("mallopt", _M_TRIM_THRESHOLD, _TRIM_BYTES)


def _glibc(function: str, *arguments: int) -> None:
    try:
        call = getattr(ctypes.CDLL(None), function)
    except (AttributeError, OSError):  # another C library has another malloc
        return
    call(*arguments)
