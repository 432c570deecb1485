"""Errors of gRPC as errors of the contract."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc

from services.contract import status
from services.contract.errors import TryAgain

SILENCE_S = 45.0
"""The api sends a ping every 15 s. A stream of hints without any message for this long is considered dead."""

_MAX_DETAILS = 300
"""Characters. They may come from a proxy."""


@dataclass(unsafe_hash=True)
class QueueUnreachable(TryAgain):
    """The api did not answer, or a proxy answered instead of it.

    code: the name of the gRPC status; details: what gRPC knows, such as a certificate that it does not accept.
    """

    reason = "QUEUE_UNREACHABLE"
    template = (
        "the queue did not answer ({code}: {details}); is the api running, is EXPORTD_QUEUE_ADDRESS its queue port, "
        "and are the settings EXPORTD_QUEUE_TLS_* right for it?"
    )
    code: str
    details: str


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of gRPC as errors of the contract."""
    try:
        yield
    except grpc.aio.AioRpcError as failed:
        details = (failed.details() or "")[:_MAX_DETAILS]
        raise status.from_call(failed) or QueueUnreachable(failed.code().name, details) from None
    except TimeoutError:
        raise QueueUnreachable("NO_ANSWER", f"nothing came for {SILENCE_S:g} s") from None
    except ValueError as unreadable:
        raise QueueUnreachable("UNREADABLE", f"this version cannot read the answer: {unreadable}") from None
