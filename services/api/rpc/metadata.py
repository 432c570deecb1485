"""The metadata of a call."""

from typing import Any

import grpc

Context = grpc.aio.ServicerContext[Any, Any]


def metadata(context: Context, key: str) -> list[str]:
    """Return the values that the caller sent with a key."""
    return [value for name, value in context.invocation_metadata() or () if name == key and isinstance(value, str)]
