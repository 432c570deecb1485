"""The metadata of a call."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import grpc

Context = grpc.aio.ServicerContext[Any, Any]

_read: ContextVar[tuple[Context | None, Mapping[str, list[str]]]] = ContextVar("metadata", default=(None, {}))
"""The metadata of the current call. gRPC builds all of it anew each time it is asked."""


def metadata(context: Context, key: str) -> list[str]:
    """Return the values that the caller sent with a key."""
    of, values = _read.get()
    if of is not context:
        values = _values(context)
        _read.set((context, values))
    return values.get(key, [])


def _values(context: Context) -> Mapping[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            values.setdefault(name, []).append(value)
    return values
