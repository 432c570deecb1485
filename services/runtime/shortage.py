"""Temporary shortages of a process. The same call may succeed later."""

import errno

_BY_ERRNO = {
    errno.EMFILE: "open files of this process",
    errno.ENFILE: "open files of this machine",
    errno.ENOMEM: "memory",
    errno.ENOBUFS: "buffers of the network",
}
_NO_THREAD = "can't start new thread"
"""The message of Python's RuntimeError, which has no errno."""


def named(raised: BaseException) -> str:
    """Return what was short, from an error and its causes. Empty for other errors."""
    cause: BaseException | None = raised
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        if short := _of_one(cause):
            return short
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return ""


def _of_one(raised: BaseException) -> str:
    match raised:
        case OSError():
            return _BY_ERRNO.get(raised.errno or 0, "")
        case MemoryError():
            return "memory"
        case RuntimeError() if str(raised) == _NO_THREAD:
            return "threads"
        case _:
            return ""
