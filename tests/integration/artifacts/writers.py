"""What workers do with a sink, and what the api sees of it."""

from services.api.ports.artifacts import ArtifactStore
from services.contract.job import LeaseRef
from services.worker.ports import ArtifactSink, StoredFile

LEASE = LeaseRef("export-1", "lease-1")
CONTENT = b"0123456789" * 30_000
NAME = "export.csv"
KEY = "export-1/lease-1/export.csv"


def nothing() -> None:
    """Nobody wants to know."""


def stored(sink: ArtifactSink, lease: LeaseRef = LEASE, name: str = NAME, content: bytes = CONTENT) -> StoredFile:
    writer = sink.open(lease, name)
    writer.write(content)
    return writer.close(nothing)


async def content_of(reader: ArtifactStore, key: str) -> bytes | None:
    """What a download would get."""
    file = await reader.open(key)
    if file is None:
        return None
    try:
        return await file.read(0, file.size_bytes, bytes)
    finally:
        await file.close()
