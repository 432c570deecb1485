"""What came with a call beside its request."""

from typing import Any

import grpc

Context = grpc.aio.ServicerContext[Any, Any]


def metadata(context: Context, key: str) -> list[str]:
    """The values that the caller sent along under a key."""
    return [value for name, value in context.invocation_metadata() or () if name == key and isinstance(value, str)]
