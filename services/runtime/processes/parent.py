"""What one of several processes tells its parent."""

import sys
from contextlib import suppress


def tell_parent() -> None:
    """Tell the parent, which waits for a line, that this process serves."""
    with suppress(BrokenPipeError):  # it is gone, which standard input says
        sys.stdout.write("serving\n")
        sys.stdout.flush()
