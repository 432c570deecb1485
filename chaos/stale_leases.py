"""Reuses old leases at the end of the run. This must have no effect."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from chaos.findings import Findings, Violation
from chaos.misbehaving_worker import MisusedLease
from exportd_client import Export, name_of
from services.contract.codes import FailureCode
from services.contract.errors import ExportdError
from services.contract.job import LeaseRef
from services.contract.outcome import Failure
from services.worker.queue.grpc_queue import GrpcQueue, connected

_AT_ONCE = 8
_STALE_FAILURE = Failure(FailureCode.SOURCE_UNAVAILABLE, "a failure under an old lease")


async def replay(
    queue_address: str,
    read: Callable[[str], Awaitable[Export | None]],
    leases: list[LeaseRef],
    misused: list[MisusedLease],
    findings: Findings,
) -> int:
    """Fail and release every lease of `leases`, and complete and fail those of `misused`. Return their number.

    An export that has changed afterwards is a finding.
    """
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(lease: LeaseRef, files: list[MisusedLease]) -> None:
        async with slots:
            before = await read(lease.export_id)
            for again in _reports(queue, lease, files):
                with suppress(ExportdError):  # refused, as it must be, or repeated
                    await again()
            after = await read(lease.export_id)
            if _end(before) != _end(after):
                text = f"changed by the old lease {lease.lease_id}: {_end(before)} became {_end(after)}"
                findings.add(Violation.STALE_ACCEPTED, lease.export_id, text)

    async with connected(queue_address, str(uuid4())) as queue:
        built = [one(m.job.lease, [m]) for m in misused]
        await asyncio.gather(*built)
        await asyncio.gather(*(one(lease, []) for lease in leases))
    return len(leases) + len(misused)


def leases_of(logs: list[Path]) -> list[LeaseRef]:
    """Return every lease whose end a worker has logged."""
    return [LeaseRef(line["export_id"], line["lease_id"]) for line in attempts(logs)]


def attempts(logs: list[Path]) -> Iterator[dict[str, Any]]:
    """Yield the log lines about attempts that ended."""
    for log in logs:
        with log.open() as lines:
            for line in lines:
                if '"event": "attempt"' in line:
                    yield json.loads(line)


def _reports(queue: GrpcQueue, lease: LeaseRef, files: list[MisusedLease]) -> Iterator[Callable[[], Awaitable[None]]]:
    for one in files:
        if one.built is not None:
            yield lambda built=one.built: queue.complete(lease, built)  # type: ignore[misc]
    yield lambda: queue.fail(lease, _STALE_FAILURE)
    yield lambda: queue.release([lease])


def _end(export: Export | None) -> tuple[object, ...]:
    """Return the fields of an export that never change once it is done."""
    if export is None:
        return ("not there",)
    state, reason = name_of(Export.State, export.state), name_of(Export.CancelReason, export.cancel_reason)
    return (state, reason, export.run, export.attempt, export.file.id, len(export.result.errors))
