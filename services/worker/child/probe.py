"""Tests in a child whether a source can be reached, or whether the memory of a usual job is available."""

from services.contract.codes import FailureCode
from services.contract.outcome import Failure
from services.contract.preview import Previewed
from services.runtime import logs
from services.worker.order import ProbeOrder, Shown

MEMORY_BYTES = 64 << 20
"""Memory that even a small job takes."""


def run(order: ProbeOrder) -> Shown:
    """Return a preview without rows, or a failure when the test did not succeed."""
    try:
        return _source(order) if order.source_id else _memory()
    except MemoryError:
        return Failure(FailureCode.OUT_OF_MEMORY, "the worker has too little memory")


def _source(order: ProbeOrder) -> Shown:
    try:
        order.sources.reach(order.source_id)
    except Exception as problem:  # noqa: BLE001 - whatever a driver raises, the source cannot be used
        logs.get().info("source_unreachable", source=order.source_id, cause=logs.outline(problem))
        return Failure(FailureCode.SOURCE_UNREACHABLE, f"The worker cannot reach the source {order.source_id!r}.")
    return Previewed(())


def _memory() -> Shown:
    taken = bytearray(b"\1") * MEMORY_BYTES  # memory that is not written to may be promised without being there
    return Previewed(()) if taken else Failure(FailureCode.OUT_OF_MEMORY, "the worker has too little memory")
