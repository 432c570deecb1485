"""What a process takes from the system: open files, sockets and pipes, and memory."""

import ctypes
import gc
import resource
from contextlib import suppress
from dataclasses import dataclass

from services.runtime import logs

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


@dataclass(frozen=True, slots=True)
class Kept:
    """What malloc keeps of the memory that is given back: blocks of up to `block_bytes`, and at the end of a heap up to
    `free_bytes` without use.
    """

    block_bytes: int
    free_bytes: int


OF_JOBS = Kept(block_bytes=32 << 20, free_bytes=128 << 20)
"""For the children that build files."""


OBJECTS_A_COLLECTION = 10_000


def raise_limit_of_files(needed: int) -> int:
    """Raise the soft limit to the hard one; warn when that is less than `needed`. Returns the limit, -1 for none.

    To be called once the log is set up.
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
    """Blocks of a MB or more are taken and given back all the time: by default each is memory that the system has to
    zero again, a tenth of an export's time and half of a download's.
    """
    _glibc("mallopt", _M_MMAP_THRESHOLD, kept.block_bytes)
    _glibc("mallopt", _M_TRIM_THRESHOLD, kept.free_bytes)


def spare_collections() -> None:
    """To be called once everything is there that stays: the collector of cycles passes over it from now on, and looks
    at what is made later each OBJECTS_A_COLLECTION, since calls leave hardly any cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_A_COLLECTION, *gc.get_threshold()[1:])


def _raised() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # a hard limit that the system itself would not allow any more
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _glibc(function: str, *arguments: int) -> None:
    try:
        call = getattr(ctypes.CDLL(None), function)
    except (AttributeError, OSError):  # another C library has another malloc
        return
    call(*arguments)
