"""What a failed call says, for tests: code, reason, and the fields of its violations."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status


@dataclass(frozen=True)
class Refusal:
    code: str
    reason: str
    metadata: dict[str, str]
    violations: dict[str, str]
    message: str


async def refused(call: Awaitable[Any]) -> Refusal:
    """Await a call that must fail, and read its details."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    status = rpc_status.from_call(failed.value)
    assert status is not None, f"no details: {failed.value}"
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    assert info.domain == "exportd"
    violations = {v.field: v.description for v in bad.field_violations}
    return Refusal(failed.value.code().name, info.reason, dict(info.metadata), violations, status.message)
