"""How many threads each stage of an export has: the reading of files, the encoding, the compression."""

THREADS = 2
"""Unless a worker is told otherwise."""


def threads_for(cores: int, slots: int) -> int:
    """The cores shared among jobs that run at the same time; two at least, since stages wait for each other."""
    return max(THREADS, cores // slots)
