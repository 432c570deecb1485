"""Threads that a test leaves behind write into the logs that later tests capture, and use what is gone by then."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.patience import PATIENCE_S


@contextmanager
def ended() -> Iterator[None]:
    """Wait at the end for each thread that began within. Use it where nothing else begins threads, such as a loop."""
    before = {*threading.enumerate()}
    try:
        yield
    finally:
        begun = [thread for thread in threading.enumerate() if thread not in before]
        for thread in begun:
            thread.join(PATIENCE_S)
    assert [thread.name for thread in begun if thread.is_alive()] == [], "these do not end"
