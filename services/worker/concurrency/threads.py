"""Number of threads of each stage of an export: reading files, encoding, compressing."""

THREADS = 2
"""The default number of threads."""


def threads_for(cores: int, slots: int) -> int:
    """Divide the cores among jobs that run at the same time. At least two, since stages wait for each other."""
    return max(THREADS, cores // slots)
