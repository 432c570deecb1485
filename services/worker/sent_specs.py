"""Specs on their way to children: each is pickled once, and made of its bytes once in each child.

Most jobs have the spec of another one, and it is by far the largest part of a small order.
"""

import pickle
from collections.abc import Callable
from functools import lru_cache

from services.contract.spec import JobSpec

MAX_KNOWN = 32
"""How many specs are kept: in the worker with their bytes, and in each child."""

MAX_KNOWN_BYTES = 65_536
"""The size of the largest pickled spec that is kept."""

_sent: dict[int, tuple[JobSpec, bytes]] = {}


def reduced(spec: JobSpec) -> tuple[Callable[[bytes], JobSpec], tuple[bytes]]:
    """Return what pickle shall write for a spec: a function of this module, and its argument. Safe for any thread."""
    known = _sent.get(id(spec))
    pickled = known[1] if known is not None else _pickled(spec)
    return (known_spec if len(pickled) <= MAX_KNOWN_BYTES else new_spec), (pickled,)


def _pickled(spec: JobSpec) -> bytes:
    pickled = pickle.dumps(spec, pickle.HIGHEST_PROTOCOL)
    if len(pickled) <= MAX_KNOWN_BYTES:
        if len(_sent) >= MAX_KNOWN:
            _sent.clear()  # all at once: those in use are soon there again
        _sent[id(spec)] = spec, pickled  # with the spec, so that no other object gets its identity
    return pickled


def new_spec(pickled: bytes) -> JobSpec:
    """Return the spec of these bytes, which the worker wrote."""
    spec: JobSpec = pickle.loads(pickled)  # noqa: S301 - from the worker's own pipe
    return spec


@lru_cache(MAX_KNOWN)
def known_spec(pickled: bytes) -> JobSpec:
    """Return the same spec for the same bytes."""
    return new_spec(pickled)
