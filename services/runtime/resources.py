"""What a process takes from the system: open files (with sockets and pipes) and memory."""

import ctypes
import resource
from contextlib import suppress
from dataclasses import dataclass

from services.runtime import logs

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h


@dataclass(frozen=True, slots=True)
class Kept:
    """The memory that malloc keeps when it is freed.

    These are blocks of up to `block_bytes` bytes, and up to `free_bytes` unused bytes at the end of a heap.
    """

    block_bytes: int
    free_bytes: int


OF_JOBS = Kept(block_bytes=32 << 20, free_bytes=128 << 20)
"""For the children that build files."""


def raise_limit_of_files(needed: int) -> int:
    """Raise the soft limit of open files to the hard limit.

    Log a warning when that is less than `needed`. Return the limit; -1 for none. Call it after the log is set up.
    """
    limit = _raised()
    if limit != resource.RLIM_INFINITY and limit < needed:
        logs.get().warning(
            "open_files_limit_low",
            limit=limit,
            needed=needed,
            fix="raise the hard limit of open files (ulimit -Hn; LimitNOFILE of systemd; ulimits of a container)",
        )
    return limit


def keep_memory(kept: Kept) -> None:
    """Let malloc keep freed memory.

    Blocks of a MB or more are allocated and freed all the time, and by default the system zeroes each of them again,
    which takes a tenth of the time of an export and half of that of a download.
    """
    _glibc("mallopt", _M_MMAP_THRESHOLD, kept.block_bytes)
    _glibc("mallopt", _M_TRIM_THRESHOLD, kept.free_bytes)


def _raised() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # the system may not allow the hard limit any more
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _glibc(function: str, *arguments: int) -> None:
    try:
        call = getattr(ctypes.CDLL(None), function)
    except (AttributeError, OSError):  # another C library has another malloc
        return
    call(*arguments)
