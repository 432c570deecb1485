"""How much is tried at random: a part in `make test` and `make test-all`, all of it in `make proof`."""

import os

PROOF = os.environ.get("EXPORTD_PROOF", "")
"""Examples and steps of the state machine in `make proof`, as `2000,50`; empty elsewhere."""

PART = 4


def examples(all_: int) -> int:
    """How many examples a test with @given tries: all, or one of PART."""
    return all_ if PROOF else -(-all_ // PART)
